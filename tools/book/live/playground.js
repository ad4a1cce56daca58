// The playground's page: knobs, buttons, pictures. The numbers are made in train.js, by the engine in worker.js.
"use strict";
(() => {
  const at = id => document.getElementById(id), T = CourseTrain, { SIDE, PIXELS } = T, N = 500;
  const bytes = T.unpack(COURSE_DIGITS), digits = T.digitsFrom(bytes);
  const whole = (low, high) => ({ read: Number, fits: v => Number.isInteger(v) && v >= low && v <= high,
                                  what: `a whole number from ${low} to ${high}` });
  const yes = { read: v => ({ 0: false, 1: true })[v], fits: v => v !== undefined, what: "0 or 1" };
  const KNOBS = {
    hidden: whole(0, 200), lr: { read: Number, fits: v => v > 0 && v <= 1000, what: "a number above 0, at most 1000" },
    batch: whole(1, N), epochs: whole(1, 1000), seed: whole(0, 999),
    init: { read: String, fits: v => ["small", "large", "zeros"].includes(v), what: "small, large or zeros" },
    wiggle: yes, shuffle: yes, zero: yes };
  const USUAL = { hidden: 30, lr: .1, batch: 32, epochs: 40, seed: 0, init: "small", wiggle: false, shuffle: true, zero: true };
  const STARTS_ANEW = ["hidden", "init", "seed"];
  const form = document.querySelector("form"), f = (value, digits = 3) => value.toFixed(digits);
  let settings = { ...USUAL }, runs = 0, curve = [], state, playing = false, tour = 0;

  // ---------------------------------------------------------------- the engine

  function connect(receive) {
    try {
      const code = `${courseTrain}\n${courseEngine}\nonmessage = ({ data }) => {
        onmessage = (engine => ({ data }) => engine(data))(courseEngine(courseTrain(), data, said => postMessage(said))); };`;
      const worker = new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
      worker.onmessage = ({ data }) => receive(data);
      worker.onerror = () => { here(receive); begin(); };  // the browser allows no worker: train on the page
      worker.postMessage(bytes);
      send = message => worker.postMessage(message);
    } catch { here(receive); }
  }

  function here(receive) { send = courseEngine(T, bytes, receive); }
  let send;

  function receive(news) {
    if (news.run !== runs) return;                         // of a run that is over
    if (news.batch) showStep(news);
    else take(news);
  }

  let waiting = false;
  function take(news) {
    curve.push(...news.points);
    if (curve.length > 1000) curve = curve.filter((_, k) => k % 2 === 0 || k === curve.length - 1);
    state = { ...news, wrong: news.wrong ?? state.wrong };
    if (news.ended) end(news.ended);
    if (!waiting) requestAnimationFrame(() => { waiting = false; paint(); });
    waiting = true;
  }

  // ---------------------------------------------------------------- the seven steps

  const STEPS = ["initialise", "predict", "loss", "gradient", "move", "repeat", "stop"];
  function light(...names) {
    for (const name of STEPS) {
      at(name).classList.toggle("lit", names.includes(name));
      at(name).setAttribute("aria-current", names.length === 1 && names[0] === name ? "step" : "false");
    }
  }

  const detail = words => { at("detail").textContent = words; };
  const say = words => { at("said").textContent = words; };
  const count = () => (settings.hidden ? 786 * settings.hidden + 1 : 785).toLocaleString("en");
  const small = value => value && Math.abs(value) < .001 ? value.toExponential(1) : value.toPrecision(2);
  const sleep = ms => new Promise(done => setTimeout(done, ms));

  async function showStep(news) {
    const { rows, scores, loss, slope, images } = news.batch, mine = ++tour, n = rows.length;
    const right = scores.map((score, k) => (score > 0) === (digits.y[rows[k]] > .5)), ok = right.filter(Boolean).length;
    const perEpoch = Math.ceil(N / settings.batch), slow = at("pace").value === "slow";
    const given = n === 1 ? "1 digit gets a score" : `${n} digits get a score each`;
    const adding = settings.zero ? "" : "added to the old ones, ", steepest = small(slope), farthest = small(slope * settings.lr);
    const phases = [
      ["predict", `${given}, above 0 for a 3; ${ok} of ${n} on the right side.`],
      ["loss", `How surprising is the truth, on average? ${f(loss)}.`],
      ["gradient", `A slope for each of the ${count()} parameters, ${adding}the steepest ${steepest}.`],
      ["move", `Each parameter goes ${settings.lr} times its slope downhill, at most ${farthest}.`],
      ["repeat", `That was step ${(news.steps - 1) % perEpoch + 1} of ${perEpoch} in this epoch. Now the next digits.`]];
    at("batch").hidden = false;
    tiles(at("batch"), images.slice(0, 32), 16, grey, right);
    for (const [name, words] of phases) {
      light(name);
      detail(words);
      if (name === "move") take(news);
      await sleep(slow ? 1600 : 350);
      if (mine !== tour) {                                 // interrupted: the step itself is done all the same
        if (["predict", "loss", "gradient"].includes(name) && news.run === runs) take(news);
        return;
      }
    }
    if (news.ended) return;
    if (playing) { send({ do: "step" }); return; }
    detail(`One step: ${ok} of ${n} right, loss ${f(loss)}, steepest slope ${steepest}, farthest move ${farthest}.`);
  }

  // ---------------------------------------------------------------- buttons

  function setPlaying(now) {
    playing = now;
    at("play").textContent = now ? "Pause" : "Play";
  }

  function pause() {
    tour += 1;
    setPlaying(false);
    send({ do: "pause" });
  }

  function play() {
    tour += 1;
    setPlaying(true);
    say("");
    const pace = at("pace").value;
    at("batch").hidden = pace !== "slow";
    if (pace === "slow") { send({ do: "pause" }); send({ do: "step" }); return; }
    light("predict", "loss", "gradient", "move", "repeat");
    detail(pace === "watch" ? "Predict, loss, gradient, step, and repeat: too fast to read, but each step moves the curves."
                            : "As fast as this device can: a point on the curves for each epoch.");
    send({ do: "play", pace });
  }

  function begin(words = "") {
    pause();
    runs += 1;
    curve = [];
    at("batch").hidden = true;
    light("initialise");
    const how = { small: "small random numbers", large: "large random numbers, typically 1", zeros: "zeros" }[settings.init];
    detail(`${count()} parameters, all ${how}. Nothing is learned yet.`);
    say(words);
    send({ do: "begin", settings: { ...settings, run: runs } });
  }

  function end(why) {
    tour += 1;
    setPlaying(false);
    light("stop");
    const epochs = Math.round(state.epochs);
    detail(why === "done" ? `${epochs} epochs are over: that is our reason to stop. Play goes on for as many again.`
      : "The loss is no longer a number: the parameters grew until their sums overflowed.");
    say(why === "done" ? `Stopped after ${epochs} epochs: validation accuracy ${f(curve.at(-1)[4])}.`
      : "Stopped: the loss is no longer a number. Press Reset, and take a smaller learning rate.");
  }

  // ---------------------------------------------------------------- knobs, and the address

  function showSettings() {
    for (const [name, value] of Object.entries(settings)) {
      const input = form.elements[name];
      if (input.type === "checkbox") { input.checked = value; continue; }
      if (![...input.options].some(option => option.value === String(value))) input.add(new Option(value));
      input.value = value;
    }
  }

  function address() {
    const changed = Object.entries(settings).filter(([name, value]) => value !== USUAL[name]);
    return changed.map(([name, value]) => `${name}=${typeof value === "boolean" ? Number(value) : value}`).join("&");
  }

  function fromAddress() {
    const said = [], found = { ...USUAL };
    for (const [name, text] of new URLSearchParams(location.hash.slice(1))) {
      const knob = KNOBS[name], value = knob && text.trim() ? knob.read(text.trim()) : undefined;
      if (knob?.fits(value)) found[name] = value;
      else said.push(knob ? `${name}=${text} will not do: it is ${knob.what}.` : `There is no knob called ${name}.`);
    }
    settings = found;
    showSettings();
    begin(said.length ? `The address says: ${said.join(" ")} The usual is taken.` : "");
  }

  function change(next) {                                  // settings that the reader has changed
    settings = next;
    showSettings();
    if (location.hash.slice(1) !== address()) location.replace(`#${address()}`);
  }

  form.addEventListener("change", ({ target: { name, type, checked, value } }) => {
    change({ ...settings, [name]: type === "checkbox" ? checked : KNOBS[name].read(value) });
    if (STARTS_ANEW.includes(name)) begin("A new start, since this is about the start.");
    else send({ do: "set", settings: { ...settings, run: runs } });
  });
  addEventListener("hashchange", () => location.hash.slice(1) !== address() && fromAddress());

  at("play").onclick = () => playing ? (pause(), say(`Paused after ${f(state.epochs, 1)} epochs.`)) : play();
  at("step").onclick = () => { pause(); say(""); send({ do: "step" }); };
  at("reset").onclick = () => begin("Back at the start.");
  at("pace").onchange = () => playing && play();
  for (const button of document.querySelectorAll("[data-set]")) {
    button.onclick = () => {
      const set = [...new URLSearchParams(button.dataset.set)].map(([name, text]) => [name, KNOBS[name].read(text)]);
      change({ ...USUAL, ...Object.fromEntries(set) });
      begin();
      for (const why of document.querySelectorAll(".why")) why.hidden = why.dataset.of !== button.dataset.set;
      if (at("pace").value === "slow") at("pace").value = "watch";
      play();
      at("curves").scrollIntoView({ block: "nearest" });
    };
  }

  // ---------------------------------------------------------------- pictures

  const isDark = () => document.documentElement.dataset.theme === "dark";
  const grey = ink => [255 * ink, 255 * ink, 255 * ink];
  function blueOrOrange(value) {                           // 0: the page's colour; above: blue; below: orange
    const strength = Math.min(Math.abs(value), 1) ** .7;
    const [none, full] = isDark() ? [[20, 24, 30], value > 0 ? [125, 180, 255] : [255, 157, 77]]
                                  : [[255, 255, 255], value > 0 ? [20, 80, 180] : [190, 80, 0]];
    return none.map((part, k) => part + (full[k] - part) * strength);
  }

  // Images of 784 numbers side by side; `right`: under those where it is false, a mark.
  function tiles(canvas, images, columns, colour, right = []) {
    const across = Math.min(columns, Math.max(images.length, 1)), down = Math.ceil(images.length / across) || 1;
    const size = SIDE + 4;                                 // with a gap
    Object.assign(canvas, { width: across * size, height: down * size });
    canvas.style.setProperty("--across", across);
    const brush = canvas.getContext("2d"), tile = brush.createImageData(SIDE, SIDE);
    images.forEach((image, k) => {
      for (let i = 0; i < PIXELS; i++) tile.data.set([...colour(image[i]), 255], 4 * i);
      const x = k % across * size + 2, y = Math.floor(k / across) * size + 1;
      brush.putImageData(tile, x, y);
      if (right[k] === false) {
        brush.fillStyle = isDark() ? "#ff9d4d" : "#b34a00";
        brush.fillRect(x, y + SIDE, SIDE, 2);
      }
    });
  }

  function paintWeights() {                                // of a unit: what a pixel adds to the score where the unit is on
    const { params: [w, , w2], hidden } = state, votes = hidden ? w.map((weight, i) => weight * w2[i % hidden]) : w;
    const most = votes.reduce((top, vote) => Math.max(top, Math.abs(vote)), 0) || 1;
    const images = Array.from({ length: Math.min(hidden, 30) || 1 }, (_, unit) => Float32Array.from(
      { length: PIXELS }, (_, k) => votes[hidden ? k * hidden + unit : k] / most));
    tiles(at("weights"), images, innerWidth < 600 ? 6 : 10, blueOrOrange);
    at("weights-said").textContent = "Blue: ink here speaks for a 3. Orange: for a 7. " + (hidden
      ? `One picture for each hidden unit${hidden > 30 ? ` (30 of ${hidden})` : ""}: its weights times that of its activation.`
      : "The 784 weights of the linear model, each in the place of its pixel.");
  }

  function paint() {
    const last = curve.at(-1), { wrong } = state, losses = curve.flatMap(point => [point[1], point[3]]).filter(Number.isFinite);
    const least = Math.min(.9, ...curve.map(point => Math.min(point[2], point[4])));
    const line = (part, look) => ({ points: curve.map(point => [point[0], point[part]]), look });
    const draw = (ylabel, y, part) => CourseChart.draw(at(`${ylabel}-chart`), {
      x: [0, Math.max(state.epochs, Math.min(settings.epochs, 5))], y, xlabel: "epoch", ylabel,
      lines: [line(part, "dashed"), line(part + 2, "line valid")] });
    draw("loss", [0, 1.05 * Math.max(.1, ...losses)], 1);
    draw("accuracy", [Math.floor(least * 10) / 10, 1.005], 2);
    at("epoch").textContent = f(state.epochs, 1);
    for (const [k, id] of ["train-loss", "train-accuracy", "valid-loss", "valid-accuracy"].entries())
      at(id).textContent = f(last[k + 1]);
    paintWeights();
    at("errors-said").textContent = `${wrong.length} of ${N} validation digits.`;
    for (const [name, group] of [["3", wrong.filter(row => digits.vy[row])], ["7", wrong.filter(row => !digits.vy[row])]]) {
      at(`count${name}`).textContent = group.length + (group.length > 20 ? ", the first 20 of them:" : "");
      tiles(at(`wrong${name}`), group.slice(0, 20).map(row => digits.vx.subarray(row * PIXELS, (row + 1) * PIXELS)), 10, grey);
    }
  }

  for (const why of document.querySelectorAll(".why")) why.hidden = true;
  addEventListener("resize", () => state && paint());
  new MutationObserver(() => state && paint()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  connect(receive);
  fromAddress();
})();
