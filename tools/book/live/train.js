// The seven steps in plain numbers: the linear model 784-1 and the ReLU net 784-hidden-1, trained with mini-batch SGD.
// The page, its worker and node (tests/test_playground.py compares with PyTorch) use this. Everything stands inside one
// function, because a worker on a page without a server can only be made from text.
"use strict";
function courseTrain() {
  const SIDE = 28, PIXELS = SIDE * SIDE;

  function randomFrom(seed) {                              // mulberry32: the same seed gives the same numbers in 0…1
    let state = seed >>> 0;
    return () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  const normal = random => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

  // ---------------------------------------------------------------- initialise

  // params: w (784), b (1), or w1 (784 × hidden: pixel by pixel), b1 (hidden), w2 (hidden), b2 (1).
  function newModel(hidden, params) {
    return { hidden, params, grads: params.map(p => new Float32Array(p.length)), sums: new Float64Array(hidden),
             slopes: new Float64Array(hidden) };
  }

  const INITS = {                                          // how one parameter of a layer with n inputs begins
    small: (random, n) => (2 * random() - 1) / Math.sqrt(n),
    zeros: () => 0,
    large: random => normal(random),
  };

  function initialised(hidden, init, random) {
    const filled = (length, n) => Float32Array.from({ length }, () => INITS[init](random, n));
    const sizes = hidden ? [[PIXELS * hidden, PIXELS], [hidden, PIXELS], [hidden, hidden], [1, hidden]]
                         : [[PIXELS, PIXELS], [1, PIXELS]];
    return newModel(hidden, sizes.map(([length, n]) => filled(length, n)));
  }

  // ---------------------------------------------------------------- predict, loss

  // The score of one digit, whose pixels begin at x[at]. Four pixels of five are black and add nothing.
  function predict({ hidden, params, sums }, x, at) {
    const [w, b, w2, b2] = params;
    let score = hidden ? b2[0] : b[0];
    if (hidden) sums.set(b);
    for (let k = 0, i = 0; k < PIXELS; k++, i += hidden) {
      const ink = x[at + k];
      if (ink === 0) continue;
      if (hidden) for (let unit = 0; unit < hidden; unit++) sums[unit] += ink * w[i + unit];
      else score += ink * w[k];
    }
    for (let unit = 0; unit < hidden; unit++) if (sums[unit] > 0) score += w2[unit] * sums[unit];        // ReLU
    return score;
  }

  // Cross-entropy of the sigmoid of a score, for y 1 or 0: never log(0), however sure the score.
  const lossOf = (score, y) => Math.max(score, 0) - score * y + Math.log1p(Math.exp(-Math.abs(score)));

  // ---------------------------------------------------------------- gradient, step

  // Add to the gradients what one digit contributes; slope: of the loss, with respect to its score. Follows predict().
  function addGradient({ hidden, params, grads, sums, slopes }, x, at, slope) {
    const [gw, gb, gw2, gb2] = grads, w2 = params[2];
    if (hidden) gb2[0] += slope; else gb[0] += slope;
    for (let unit = 0; unit < hidden; unit++) {            // back through ReLU: a unit that is off passes nothing on
      const on = sums[unit] > 0;
      slopes[unit] = on ? slope * w2[unit] : 0;
      if (on) gw2[unit] += slope * sums[unit];
      gb[unit] += slopes[unit];
    }
    for (let k = 0, i = 0; k < PIXELS; k++, i += hidden) {
      const ink = x[at + k];
      if (ink === 0) continue;
      if (hidden) for (let unit = 0; unit < hidden; unit++) gw[i + unit] += ink * slopes[unit];
      else gw[k] += ink * slope;
    }
  }

  // One step of SGD with the digits that `rows` names; the mean loss before it, and each score.
  function trainStep(model, x, y, rows, { lr, zero = true }) {
    if (zero) for (const grad of model.grads) grad.fill(0);
    let loss = 0;
    const scores = Array.from(rows, row => {
      const score = predict(model, x, row * PIXELS);
      loss += lossOf(score, y[row]) / rows.length;
      addGradient(model, x, row * PIXELS, (1 / (1 + Math.exp(-score)) - y[row]) / rows.length);
      return score;
    });
    model.params.forEach((p, part) => {
      const grad = model.grads[part];
      for (let i = 0; i < p.length; i++) p[i] -= lr * grad[i];
    });
    return { loss, scores };
  }

  function evaluate(model, x, y) {
    let loss = 0;
    const wrong = [];
    for (let row = 0; row < y.length; row++) {
      const score = predict(model, x, row * PIXELS);
      loss += lossOf(score, y[row]) / y.length;
      if ((score > 0) !== (y[row] > .5)) wrong.push(row);
    }
    return { loss, accuracy: 1 - wrong.length / y.length, wrong };
  }

  // ---------------------------------------------------------------- data

  // A digit turned, scaled, slanted and moved, as the notebook more_variety does it; draws: five numbers from -1 to 1.
  function wiggle(x, at, draws, result, to) {
    const middle = (SIDE - 1) / 2, turn = draws[0] * Math.PI / 12, size = 1 + .1 * draws[1], slant = .2 * draws[2];
    const cos = size * Math.cos(turn), sin = size * Math.sin(turn);
    for (let row = 0; row < SIDE; row++)
      for (let column = 0; column < SIDE; column++) {      // where in the old image to look
        const h = column - middle, v = row - middle;
        const right = cos * h + (slant * cos - sin) * v + 2 * draws[3] + middle;
        const down = sin * h + (slant * sin + cos) * v + 2 * draws[4] + middle;
        result[to + row * SIDE + column] = bilinear(x, at, right, down);
      }
  }

  function bilinear(x, at, right, down) {                  // a mix of the four pixels around a place; black outside
    const left = Math.floor(right), top = Math.floor(down);
    let ink = 0;
    for (let row = top; row < top + 2; row++)
      for (let column = left; column < left + 2; column++)
        if (row >= 0 && row < SIDE && column >= 0 && column < SIDE)
          ink += x[at + row * SIDE + column] * (1 - Math.abs(down - row)) * (1 - Math.abs(right - column));
    return ink;
  }

  // The bundled digits from a text: each run of black pixels is stored as a 0 and its length.
  function unpack(base64) {
    const stored = atob(base64), bytes = new Uint8Array(1000 * PIXELS);
    for (let i = 0, to = 0; i < stored.length; i++) {
      const ink = stored.charCodeAt(i);
      if (ink) bytes[to++] = ink; else to += stored.charCodeAt(++i);
    }
    return bytes;
  }

  // Bytes of 250 3s and 250 7s to learn from, and as many to validate with. Targets: 1 for a 3.
  function digitsFrom(bytes) {
    const half = bytes.length / 2, inks = part => Float32Array.from(part, byte => Math.fround(byte / 255));
    const y = Float32Array.from({ length: half / PIXELS }, (_, row) => row < half / PIXELS / 2 ? 1 : 0);
    return { x: inks(bytes.subarray(0, half)), y, vx: inks(bytes.subarray(half)), vy: y };
  }

  // ---------------------------------------------------------------- repeat

  // A training run: it knows its place in the epoch, so that it can go on after each step with other settings.
  function newRun(digits, settings) {
    const random = randomFrom(settings.seed);
    return { digits, random, model: initialised(settings.hidden, settings.init, random), order: [], at: 0, steps: 0, epochs: 0,
             seen: new Float32Array(digits.x) };
  }

  function nextRows(run, { batch, shuffle }) {
    const n = run.digits.y.length;
    if (run.at >= n || !run.order.length) {                // a new epoch
      run.at = 0;
      run.order = Array.from({ length: n }, (_, k) => k);
      if (shuffle)
        for (let k = n - 1; k > 0; k--) {
          const other = Math.floor(run.random() * (k + 1));
          [run.order[k], run.order[other]] = [run.order[other], run.order[k]];
        }
    }
    const rows = run.order.slice(run.at, run.at + batch);
    run.at += rows.length;
    return rows;
  }

  function runStep(run, settings) {
    const { digits: { x, y }, seen, random } = run, rows = nextRows(run, settings);
    if (settings.wiggle)
      for (const row of rows) wiggle(x, row * PIXELS, Array.from({ length: 5 }, () => 2 * random() - 1), seen, row * PIXELS);
    const done = trainStep(run.model, settings.wiggle ? seen : x, y, rows, settings);
    run.steps += 1;
    run.epochs = Math.round((run.epochs + rows.length / y.length) * 1e6) / 1e6;
    return { ...done, rows };
  }

  return { SIDE, PIXELS, randomFrom, normal, newModel, initialised, predict, trainStep, evaluate, wiggle, bilinear, unpack,
           digitsFrom, newRun, runStep };
}
globalThis.CourseTrain = courseTrain();
