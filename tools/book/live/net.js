// From ink to answers, in numbers: what the notebook where_it_fails does with PyTorch. Nothing here touches a page,
// so that node can compare it with PyTorch (tests/test_live.py). An image is { data, height, width }, ink from 0 to 1.
"use strict";
globalThis.CourseNet = (() => {
  const SIDE = 28, BOX = 20;

  function numbers(base64) {                               // float32, as Python wrote them
    return new Float32Array(Uint8Array.from(atob(base64), letter => letter.charCodeAt(0)).buffer);
  }

  function rounded(value) {                                // as Python rounds: a half to the even number
    const up = Math.round(value);
    return up - value === .5 && up % 2 ? up - 1 : up;
  }

  function sums({ data, height, width }) {                 // the ink of each row and of each column
    const rows = new Float64Array(height), columns = new Float64Array(width);
    for (let i = 0; i < data.length; i++) { rows[Math.floor(i / width)] += data[i]; columns[i % width] += data[i]; }
    return { rows, columns };
  }

  function cropped(image) {                                // the smallest box with all the ink; null without ink
    const { rows, columns } = sums(image), inked = ink => ink > 0;
    const top = rows.findIndex(inked), left = columns.findIndex(inked);
    if (top < 0) return null;
    return placed(image, -top, -left, rows.findLastIndex(inked) + 1 - top, columns.findLastIndex(inked) + 1 - left);
  }

  function placed(image, down, right, height, width) {     // moved onto black, and cut off where it sticks out
    const data = new Float32Array(height * width);
    for (let row = Math.max(0, down); row < Math.min(height, down + image.height); row++)
      for (let column = Math.max(0, right); column < Math.min(width, right + image.width); column++)
        data[row * width + column] = image.data[(row - down) * image.width + column - right];
    return { data, height, width };
  }

  // Bilinear with antialias: each new pixel is a mean of old ones, and those near its middle count most.
  function taps(from, to) {
    const scale = from / to, reach = Math.max(scale, 1);
    return Array.from({ length: to }, (_, i) => {
      const middle = scale * (i + .5), weights = [];
      const start = Math.max(Math.trunc(middle - reach + .5), 0), end = Math.min(Math.trunc(middle + reach + .5), from);
      for (let j = start; j < end; j++) weights.push(Math.max(0, 1 - Math.abs((j - middle + .5) / reach)));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      return { start, weights: weights.map(weight => weight / total) };
    });
  }

  function turned({ data, height, width }) {               // rows become columns
    return { data: data.map((_, i) => data[(i % height) * width + Math.floor(i / height)]), height: width, width: height };
  }

  function narrowed({ data, height, width }, to) {
    const mix = taps(width, to), result = new Float32Array(height * to);
    for (let row = 0; row < height; row++)
      for (let i = 0; i < to; i++)
        result[row * to + i] = mix[i].weights.reduce((sum, w, k) => sum + w * data[row * width + mix[i].start + k], 0);
    return { data: result, height, width: to };
  }

  function fitted(image) {                                 // the longer side becomes BOX pixels
    const size = length => Math.max(1, rounded(length * BOX / Math.max(image.height, image.width)));
    return turned(narrowed(turned(narrowed(image, size(image.width))), size(image.height)));
  }

  function centred(image) {                                // the centre of mass comes to row 14 and column 14
    const { rows, columns } = sums(image), total = rows.reduce((sum, ink) => sum + ink, 0);
    const shift = (inks, length) => Math.min(Math.max(rounded(
      SIDE / 2 - inks.reduce((sum, ink, k) => sum + k * ink, 0) / total), 0), SIDE - length);
    return placed(image, shift(rows, image.height), shift(columns, image.width), SIDE, SIDE);
  }

  function prepare(image) {                                // 784 pixels as MNIST has them; null without ink
    const box = cropped(image);
    return box && centred(fitted(box)).data;
  }

  const dot = (a, b, at = 0) => b.reduce((sum, value, k) => sum + a[at + k] * value, 0);
  const sigmoid = score => 1 / (1 + Math.exp(-score));

  // Each model gives for 784 pixels its score, above 0 for a 3, and each pixel's vote; two also give a probability.
  function models(stored) {
    const { w1, b1, w2, b2, w, b, mean3, mean7 } = Object.fromEntries(
      Object.entries(stored).map(([name, base64]) => [name, numbers(base64)]));

    function similarity(x) {                               // root-mean-square distance to the mean 7, and to the mean 3
      const far = mean => Math.sqrt(x.reduce((sum, ink, k) => sum + (ink - mean[k]) ** 2, 0) / x.length);
      return { score: far(mean7) - far(mean3), distances: [far(mean3), far(mean7)],
               votes: x.map((ink, k) => (ink - mean7[k]) ** 2 - (ink - mean3[k]) ** 2) };
    }

    function linear(x) {
      const score = dot(w, x) + b[0];
      return { score, probability: sigmoid(score), votes: x.map((ink, k) => ink * w[k]) };
    }

    function net(x) {                                      // a unit that is on passes its weights on, times its own
      const slopes = new Float32Array(x.length);
      let score = b2[0];
      b1.forEach((bias, unit) => {
        const at = unit * x.length, activation = dot(w1, x, at) + bias;
        if (activation <= 0) return;
        score += w2[unit] * activation;
        slopes.forEach((_, k) => { slopes[k] += w2[unit] * w1[at + k]; });
      });
      return { score, probability: sigmoid(score), votes: x.map((ink, k) => ink * slopes[k]) };
    }

    return { similarity, linear, net };
  }

  return { SIDE, numbers, prepare, models };
})();
