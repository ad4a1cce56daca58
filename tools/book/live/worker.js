// The engine behind the playground: it trains in small slices, takes messages between them, and posts what is to be seen.
// It runs in a worker, or on the page itself where a browser allows no worker. One function, for the reason in train.js.
"use strict";
function courseEngine(T, bytes, post) {
  const SLICE = 40;                                        // milliseconds
  const digits = T.digitsFrom(bytes);
  let run, settings, goal, timer, points;

  function measure() {
    const seen = T.evaluate(run.model, digits.x, digits.y), held = T.evaluate(run.model, digits.vx, digits.vy);
    points.push([run.epochs, seen.loss, seen.accuracy, held.loss, held.accuracy]);
    return held.wrong;
  }

  function tell(wrong, more = {}) {
    const { epochs, steps, model } = run, params = model.params.map(p => p.slice());
    post({ run: settings.run, epochs, steps, hidden: model.hidden, params, wrong, points, ...more });
    points = [];
  }

  function begin(given) {
    clearTimeout(timer);
    settings = given;
    points = [];
    run = T.newRun(digits, settings);
    goal = 0;
    tell(measure(), { began: true });
  }

  function step(inSlowMotion) {
    const done = T.runStep(run, settings);
    if (!inSlowMotion) return done;
    const slope = Math.max(...run.model.grads.map(grad => grad.reduce((top, g) => Math.max(top, Math.abs(g)), 0)));
    tell(measure(), { batch: { rows: done.rows, scores: done.scores, loss: done.loss, slope, images: done.rows.map(row => (
      settings.wiggle ? run.seen : digits.x).slice(row * T.PIXELS, (row + 1) * T.PIXELS)) }, ...ended(done) });
  }

  function ended({ loss }) {                               // the seventh step: is there a reason to stop?
    if (!Number.isFinite(loss)) return { ended: "lost" };
    return goal && run.epochs >= goal ? { ended: "done" } : {};
  }

  function play(pace) {
    clearTimeout(timer);
    const perEpoch = Math.ceil(digits.y.length / settings.batch), atOnce = Math.ceil(perEpoch / 16);
    const begun = Date.now();
    let why, wrong, at = 0;
    do {
      why = ended(step());
      at += 1;
      const epochIsOver = run.at >= digits.y.length;
      if (why.ended || epochIsOver || (pace === "watch" && at >= atOnce)) wrong = measure();
    } while (!why.ended && (pace === "watch" ? at < atOnce : Date.now() - begun < SLICE));
    tell(wrong, why);
    if (!why.ended) timer = setTimeout(play, pace === "watch" ? SLICE : 0, pace);
  }

  function aim() {                                         // play once more after the end: as many epochs again
    if (!goal || run.epochs >= goal) goal = (Math.floor(run.epochs / settings.epochs) + 1) * settings.epochs;
  }

  return message => {
    if (message.do === "begin") begin(message.settings);
    if (message.do === "set") { settings = message.settings; goal = 0; }
    if (message.do === "play" || message.do === "step") aim();
    if (message.do === "play") play(message.pace);
    if (message.do === "step") step(true);
    if (message.do === "pause") clearTimeout(timer);
  };
}
globalThis.courseEngine = courseEngine;
