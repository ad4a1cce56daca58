// The pad of the web book: while you draw, the drawing is centred as MNIST's digits are, and three models answer.
// It fills each <div class="live-pad">. Drawing itself is course/pad.py's, and the numbers are net.js's.
"use strict";
(() => {
  const { SIDE, prepare, models } = CourseNet, said = models(COURSE_DATA), SIZE = 280, PEN = 22;
  const NAMES = { net: "ReLU net, 784-30-1", linear: "Linear model", similarity: "Pixel similarity" };
  const FOR_3 = [40, 120, 220], FOR_7 = [225, 110, 0];
  const EXAMPLES = {                                       // strokes: hundredths of the pad's width and height
    "a 3": [[31, 26, 38, 20, 50, 18, 61, 21, 65, 30, 60, 41, 47, 47, 62, 52, 69, 64, 64, 76, 51, 82, 38, 80, 29, 73]],
    "a 7": [[28, 24, 72, 22, 60, 42, 51, 62, 46, 82], [38, 52, 66, 50]],
    "a 5": [[68, 20, 36, 20, 34, 46, 50, 41, 65, 48, 68, 62, 60, 77, 46, 82, 31, 76]],
  };
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  function make(tag, className, rest = {}, ...inside) {
    const { role, label, ...more } = rest, node = Object.assign(document.createElement(tag), { className }, more);
    if (role) node.setAttribute("role", role);
    if (label) node.setAttribute("aria-label", label);
    node.append(...inside);
    return node;
  }

  const digit = score => score > 0 ? "3" : "7";
  const decimal = (value, digits) => value.toFixed(digits).replace(/^(-?)0\./, "$1.").replace("-", "−");
  const chance = p => p < .001 ? "below .001" : p > .999 ? "above .999" : decimal(p, 3);

  function paint(canvas, colour) {                         // colour(k): red, green, blue, opacity of pixel k
    const image = new ImageData(SIDE, SIDE);
    for (let k = 0; k < SIDE * SIDE; k++) image.data.set(colour(k), 4 * k);
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  function picture(label) {
    return make("canvas", "pad-picture", { width: SIDE, height: SIDE, role: "img", label });
  }

  function card(name) {
    const parts = { votes: picture(`${NAMES[name]}: which pixels voted for what`), says: make("b", "pad-answer"),
                    bar: make("span", "pad-bar"), numbers: make("span", "pad-numbers") };
    const bar = make("span", "pad-scale", {}, "7", make("span", "pad-track", {}, parts.bar), "3");
    bar.ariaHidden = "true";
    const words = make("span", "pad-words", {}, make("span", "pad-name", {}, NAMES[name], parts.says), bar, parts.numbers);
    return { ...parts, scale: bar, node: make("li", "pad-model", {}, parts.votes, words) };
  }

  function mount(place) {
    const cards = Object.fromEntries(Object.keys(NAMES).map(name => [name, card(name)]));
    const seen = picture("The drawing as the models see it, 28 by 28 pixels"), verdict = make("p", "pad-verdict", { role: "status" });
    const left = make("div", "pad-left"), examples = make("div", "pad-examples");
    const right = make("div", "pad-right", {}, make("div", "pad-seen", {}, seen, make("div", "", {}, verdict,
      make("p", "pad-hint", {}, "Left: what they see, centred, 28 × 28 pixels. Below: which pixels voted, ",
        make("span", "pad-for3", {}, "blue for a 3"), ", ", make("span", "pad-for7", {}, "orange for a 7"), "."))),
      make("ul", "pad-models", { role: "list" }, ...Object.values(cards).map(({ node }) => node)));
    place.replaceChildren(left, right);

    const copy = make("canvas", "", { width: SIZE, height: SIZE }).getContext("2d", { willReadFrequently: true });
    const state = { size: SIZE, picture: "", uploaded: false }, heard = {};
    let next = 0, film = 0;
    globalThis.drawPad({ el: left, model: { get: name => state[name], set: (name, value) => { state[name] = value; },
      on: (event, act) => { heard[event] = act; }, off() {}, save_changes: tell } });
    left.querySelector("label").remove();                   // a photo needs what only Python does here: as_ink
    examples.append(left.querySelector("button"));          // Clear
    left.append(examples);
    const canvas = left.querySelector("canvas");

    function answers() {
      copy.drawImage(canvas, 0, 0);
      const rgba = copy.getImageData(0, 0, SIZE, SIZE).data, data = new Float32Array(SIZE * SIZE);
      for (let k = 0; k < data.length; k++) data[k] = rgba[4 * k] / 255;
      const x = prepare({ data, height: SIZE, width: SIZE });
      return { x, said: x && Object.fromEntries(Object.entries(said).map(([name, model]) => [name, model(x)])) };
    }

    function show() {
      next = 0;
      const { x, said } = answers();
      paint(seen, k => { const ink = x ? 255 * x[k] : 0; return [ink, ink, ink, 255]; });
      for (const [name, { votes, says, bar, scale, numbers }] of Object.entries(cards)) {
        const { score, probability, distances, votes: each } = x ? said[name] : {};
        const most = x ? each.reduce((most, vote) => Math.max(most, Math.abs(vote)), 1e-9) : 1;
        paint(votes, k => x ? [...(each[k] > 0 ? FOR_3 : FOR_7), 255 * Math.abs(each[k]) / most] : [0, 0, 0, 0]);
        says.textContent = x ? digit(score) : "–";
        scale.hidden = name === "similarity";
        bar.style.left = `${100 * (probability ?? .5)}%`;
        bar.hidden = !x;
        numbers.textContent = !x ? "" : distances
          ? `score ${decimal(score, 3)}: ${decimal(distances[1], 3)} from the mean 7, less ${decimal(distances[0], 3)} from the mean 3`
          : `score ${decimal(score, 2)}; probability of a 3: ${chance(probability)}`;
      }
    }

    function soon() { next ||= requestAnimationFrame(show); }

    function tell(more = "") {                             // in words, once a stroke is done
      const { x, said } = answers();
      verdict.textContent = !x ? "Draw a 3 or a 7." : "The net says " + digit(said.net.score) + ", the linear model " +
        digit(said.linear.score) + ", pixel similarity " + digit(said.similarity.score) + ". " + more;
      soon();
    }

    function put(picture) {                               // a drawing that the reader's first stroke replaces
      Object.assign(state, { picture, uploaded: true });
      heard["change:picture"]();                           // the pad shows it a moment later
    }

    function example(name) {                               // drawn before your eyes, or at once
      const sheet = make("canvas", "", { width: SIZE, height: SIZE }), pen = sheet.getContext("2d");
      Object.assign(pen, { strokeStyle: "#fff", lineCap: "round", lineJoin: "round", lineWidth: PEN });
      pen.fillRect(0, 0, SIZE, SIZE);
      const lines = EXAMPLES[name].flatMap(points => points.slice(0, -2).flatMap((_, i) => i % 2 ? [] : Array.from(
        { length: 4 }, (_, k) => [k / 4, (k + 1) / 4].flatMap(t => [0, 1].map(
          axis => SIZE / 100 * (points[i + axis] * (1 - t) + points[i + 2 + axis] * t))))));
      const draw = ([x1, y1, x2, y2]) => { pen.beginPath(); pen.moveTo(x1, y1); pen.lineTo(x2, y2); pen.stroke(); };
      function frame() {
        lines.splice(0, still.matches ? lines.length : 1).forEach(draw);
        canvas.getContext("2d").drawImage(sheet, 0, 0);
        show();
        if (lines.length) { film = requestAnimationFrame(frame); return; }
        film = 0;
        put(sheet.toDataURL("image/png"));
        canvas.getContext("2d").drawImage(sheet, 0, 0);
        tell(name === "a 5" ? "It is a 5, but they know no other answers." : "Now draw your own.");
      }
      film = requestAnimationFrame(frame);
    }

    function stop() {                                      // the reader takes over
      if (!film) return;
      cancelAnimationFrame(film);
      film = 0;
      canvas.getContext("2d").fillRect(0, 0, SIZE, SIZE);  // black, as the pad left it
    }
    for (const event of ["pointerdown", "keydown", "click"]) left.addEventListener(event, stop, { capture: true });
    for (const event of ["pointerdown", "pointermove", "pointerup", "keydown", "click"]) left.addEventListener(event, soon);
    for (const name of Object.keys(EXAMPLES)) {
      const first = examples.childElementCount === 1;
      const button = make("button", "", { type: "button", label: `Show ${name}` }, first ? `Show ${name}` : name);
      button.addEventListener("click", () => example(name));
      examples.append(button);
    }
    if (place.dataset.example) example(place.dataset.example); else tell();
  }

  function start() { document.querySelectorAll(".live-pad").forEach(mount); }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start); else start();
})();
