// The sliders of the notebooks, drawn in the browser: each .live-slider says which one it is, its knobs and where they
// stand at first; what it shows without JavaScript makes way. Also CourseChart, which the playground uses.
"use strict";
globalThis.CourseChart = (() => {
  function ticks([low, high], count) {
    const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
    const gap = power * [1, 2, 5, 10].find(size => size * power >= rough), found = [];
    for (let k = Math.ceil(low / gap - 1e-9); k * gap <= high + 1e-9 * gap; k++) found.push(+(k * gap).toPrecision(6));
    return found;
  }

  // Draw lines and dots ({ points: [[x, y], …], look: a CSS class }) into an SVG, as wide as it stands on the page.
  function draw(svg, { x, y, xlabel, ylabel, lines = [], dots = [] }) {
    const width = svg.clientWidth || 320, height = svg.clientHeight || 200, [left, right, top, bottom] = [46, 8, 8, 38];
    const w = width - left - right, h = height - top - bottom;
    const across = value => (value - x[0]) / (x[1] - x[0]) * w, down = value => (1 - (value - y[0]) / (y[1] - y[0])) * h;
    const place = ([a, b]) => `${across(a).toFixed(1)} ${down(Math.max(Math.min(b, 1e6), -1e6)).toFixed(1)}`;
    const path = points => points.filter(([, b]) => Number.isFinite(b)).map(place).join("L");
    const grid = [
      ...ticks(x, w / 70).map(value =>
        `<text x="${left + across(value)}" y="${top + h + 16}" text-anchor="middle">${value}</text>`),
      ...ticks(y, h / 40).map(value => `<path class="grid" d="M${left} ${top + down(value)}h${w}"/>
        <text x="${left - 6}" y="${top + down(value) + 4}" text-anchor="end">${value}</text>`)];
    const circles = dots.flatMap(({ points, look }) => points.map(([a, b]) =>
      `<circle class="${look}" cx="${across(a).toFixed(1)}" cy="${down(b).toFixed(1)}" r="3"/>`));
    const paths = lines.filter(({ points }) => points.length).map(({ points, look }) =>
      `<path class="${look}" d="M${path(points)}"/>`);
    svg.innerHTML = `${grid.join("")}
      <svg x="${left}" y="${top}" width="${w}" height="${h}">${circles.join("")}${paths.join("")}</svg>
      <path class="frame" d="M${left} ${top}v${h}h${w}"/>
      <text x="${left + w / 2}" y="${height - 4}" text-anchor="middle">${xlabel}</text>
      <text transform="translate(11 ${top + h / 2}) rotate(-90)" text-anchor="middle">${ylabel}</text>`;
  }

  const LOOKS = `.chart { display: block; width: 100%; height: 15rem; overflow: hidden; color: inherit; }
    .chart text { font: .8125rem system-ui, sans-serif; fill: currentColor; } .chart path { fill: none; stroke: currentColor; }
    .chart .grid { opacity: .15; } .chart .frame { opacity: .5; } .chart circle { fill: currentColor; }
    .chart .line { stroke-width: 2; } .chart .dashed { stroke-width: 2; stroke-dasharray: 7 4; }
    .chart .wanted { stroke-width: 5; opacity: .4; }`;
  return { draw, LOOKS };
})();

(() => {
  const here = globalThis.document?.currentScript?.src ?? "", N = 500;

  function range(low, high, count) {
    return Array.from({ length: count }, (_, k) => low + k * (high - low) / (count - 1));
  }

  function picture(box, label) {
    box.innerHTML = `<svg class="chart" role="img" aria-label="${label}"></svg><output></output>`;
    return [...box.children];
  }

  // ---------------------------------------------------------------- gradient_descent: a curve through dots

  function fitByHand(box) {
    const [svg, said] = picture(box, "The dots, and the curve for this speed and start."), { x, y } = COURSE_BALL;
    const curve = (speed, start) => x => speed * x + start - 4.9 * x ** 2;
    return ({ speed, start }) => {
      const height = curve(speed, start), error = x.reduce((sum, x, k) => sum + (height(x) - y[k]) ** 2, 0) / x.length;
      CourseChart.draw(svg, { x: [-.05, 2.05], y: [-8, 14], xlabel: "time in seconds", ylabel: "height in metres",
        dots: [{ points: x.map((x, k) => [x, y[k]]), look: "dot" }],
        lines: [{ points: range(0, 2, 81).map(x => [x, height(x)]), look: "line" }] });
      said.textContent = `mean squared error: ${error.toFixed(2)}`;
    };
  }

  // ---------------------------------------------------------------- relu_net: hinges add up

  const curve = t => Math.sin(3 * t) + .5 * t;

  function withHinges(count) {
    const knots = range(-2, 2, count + 1);
    const slopes = knots.slice(1).map((knot, k) => (curve(knot) - curve(knots[k])) / (knot - knots[k]));
    const changes = slopes.map((slope, k) => slope - (k ? slopes[k - 1] : 0));
    return t => changes.reduce((sum, change, k) => sum + change * Math.max(t - knots[k], 0), curve(knots[0]));
  }

  function addHinges(box) {
    const [svg, said] = picture(box, "The wavy curve, and the sum of hinges.");
    return ({ count }) => {
      const points = f => range(-2, 2, 401).map(t => [t, f(t)]);
      CourseChart.draw(svg, { x: [-2, 2], y: [-2.2, 2.2], xlabel: "t", ylabel: "",
        lines: [{ points: points(curve), look: "wanted" }, { points: points(withHinges(count)), look: "dashed" }] });
      said.textContent = `${count} hinges`;
    };
  }

  // ---------------------------------------------------------------- where_it_fails: disturbed digits

  function load(name) {                                    // as a script, since a page in a folder can fetch nothing
    return new Promise((ready, failed) => {
      const script = document.createElement("script");
      Object.assign(script, { src: new URL(name, here).href, onload: ready, onerror: failed });
      document.head.append(script);
    });
  }

  function disturber() {                                   // functions of the 500 validation digits and the four knobs
    const T = CourseTrain, { SIDE, PIXELS } = T, { vx, vy } = T.digitsFrom(T.unpack(COURSE_DIGITS));
    const numbers = base64 => new Float32Array(Uint8Array.from(atob(base64), letter => letter.charCodeAt(0)).buffer);
    const models = Object.entries(COURSE_MODELS).map(([name, stored]) => {
      const params = stored.map(numbers);
      return [name, T.newModel(params.length > 2 ? params[1].length : 0, params)];
    });
    const random = T.randomFrom(0), noises = Float32Array.from({ length: 4 * N * PIXELS }, () => T.normal(random));

    // Digit k of 2,000: each of the 500 moved right, then each moved left, down and up; resized, noisy, inverted.
    function disturbed(k, { shift, scale, noise, invert }) {
      const way = Math.floor(k / N), image = new Float32Array(PIXELS), middle = (SIDE - 1) / 2;
      const right = way < 2 ? shift * (1 - 2 * way) : 0, down = way > 1 ? shift * (5 - 2 * way) : 0, at = k % N * PIXELS;
      const moved = shift ? image.map((_, i) => {
        const row = Math.floor(i / SIDE) - down, column = i % SIDE - right;
        return row < 0 || row >= SIDE || column < 0 || column >= SIDE ? 0 : vx[at + row * SIDE + column];
      }) : vx.subarray(at, at + PIXELS);
      return image.map((_, i) => {
        const row = Math.floor(i / SIDE), column = i % SIDE;
        const from = place => (place - middle) / scale + middle;         // where in the old image to look
        const ink = scale === 1 ? moved[i] : T.bilinear(moved, 0, from(column), from(row));
        const grey = noise ? Math.min(Math.max(ink + noise * noises[k * PIXELS + i], 0), 1) : ink;
        return grey + invert * (1 - 2 * grey);
      });
    }

    function scores(knobs) {
      const images = Array.from({ length: knobs.shift ? 4 * N : N }, (_, k) => disturbed(k, knobs));
      return models.map(([name, model]) => [name, images.filter((image, k) => (
        T.predict(model, image, 0) > 0) === (vy[k % N] > .5)).length / images.length]);
    }

    return { disturbed, scores };
  }
  globalThis.courseDisturber = disturber;                  // the test asks it, too

  function disturbMore(box) {
    box.innerHTML = '<div class="slider-digit"><canvas width="28" height="28" role="img" aria-label="A disturbed 7"></canvas>' +
      "<output></output></div>";
    const [canvas, said] = box.firstChild.children, brush = canvas.getContext("2d");
    let work, timer;
    return async knobs => {
      clearTimeout(timer);
      if (!work) said.textContent = "The digits are on their way …";
      work ??= Promise.all(["train.js", "digits.js", "models.js"].map(load)).then(disturber);
      const { disturbed, scores } = await work, pixels = brush.createImageData(28, 28);
      disturbed(N - 1, knobs).forEach((ink, i) => pixels.data.set([255 * ink, 255 * ink, 255 * ink, 255], 4 * i));
      brush.putImageData(pixels, 0, 0);
      clearTimeout(timer);
      timer = setTimeout(() => {
        said.innerHTML = scores(knobs).map(([name, score]) => `<span>${name}</span><b>${score.toFixed(3)}</b>
          <i style="width: ${100 * score}%"></i>`).join("") + "<small>Accuracy. The noise is drawn anew here.</small>";
      }, 60);
    };
  }

  // ---------------------------------------------------------------- on the page

  const DRAWN = { fit_by_hand: fitByHand, add_hinges: addHinges, disturb_more: disturbMore };
  const LOOKS = `.live-slider { max-width: 40rem; margin: .5rem 0 1rem; }
    .live-slider label { display: grid; grid-template-columns: 4rem 1fr 3rem; gap: .75rem; align-items: center;
                         min-height: 2rem; }
    .live-slider input { width: 100%; } .live-slider output { font-variant-numeric: tabular-nums; }
    .slider-digit { display: grid; grid-template-columns: 7rem 1fr; gap: 1rem; align-items: start; margin-top: .5rem; }
    .slider-digit canvas { width: 7rem; image-rendering: pixelated; border: 1px solid; }
    .slider-digit output { display: grid; grid-template-columns: 1fr auto; align-content: start; min-height: 12rem;
                           font-size: .875rem; }
    .slider-digit i { grid-column: 1 / 3; height: .5rem; margin-bottom: .5rem; background: currentColor; opacity: .6; }
    .slider-digit small { grid-column: 1 / 3; }`;

  function begin() {
    const sliders = [...document.querySelectorAll(".live-slider")].filter(part => DRAWN[part.dataset.slider]);
    document.head.insertAdjacentHTML("beforeend", `<style>${CourseChart.LOOKS}${sliders.length ? LOOKS : ""}</style>`);
    for (const part of sliders) {
      const knobs = JSON.parse(part.dataset.knobs);        // name → lowest, highest, step, at first
      part.innerHTML = Object.entries(knobs).map(([name, [low, high, step, first]]) => `<label><span>${name}</span>
        <input type="range" name="${name}" min="${low}" max="${high}" step="${step}" value="${first}">
        <span>${first}</span></label>`).join("") + "<div></div>";
      const draw = DRAWN[part.dataset.slider](part.lastChild), inputs = [...part.querySelectorAll("input")];
      const renew = () => draw(Object.fromEntries(inputs.map(input => {
        input.nextElementSibling.textContent = input.value;
        return [input.name, input.valueAsNumber];
      })));
      part.addEventListener("input", renew);
      addEventListener("resize", renew);
      new IntersectionObserver((seen, watch) => {          // the first picture, when the reader comes to it
        if (seen.some(one => one.isIntersecting)) { renew(); watch.disconnect(); }
      }).observe(part);
    }
  }
  if (globalThis.document) begin();
})();
