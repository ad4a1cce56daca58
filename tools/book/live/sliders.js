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

  const DRAWN = { fit_by_hand: fitByHand, add_hinges: addHinges };
  const LOOKS = `.live-slider { max-width: 40rem; margin: .5rem 0 1rem; }
    .live-slider label { display: grid; grid-template-columns: 4rem 1fr 3rem; gap: .75rem; align-items: center;
                         min-height: 2rem; }
    .live-slider input { width: 100%; } .live-slider output { font-variant-numeric: tabular-nums; }`;

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
