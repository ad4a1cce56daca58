// The pad in the browser, an anywidget: what is drawn goes to DrawPad in pad.py, as a PNG.
const PEN = 22, STEP = 8, LARGEST = 1000, WAIT = 150;      // pixels, and milliseconds after a stroke
// data-lm-suppress-shortcuts: JupyterLab leaves our keys alone
const HTML = `<div class="drawpad" data-lm-suppress-shortcuts="true"><div><canvas width="280" height="280" tabindex="0"
  role="application" aria-label="Drawing pad. Draw with mouse, pen or finger. With the keyboard, arrow keys move the pen, and
  space puts it down or lifts it."></canvas><span hidden></span></div><button type="button">Clear</button>
  <label>or a picture: <input type="file" accept="image/*"></label><p role="status"></p></div>`;

function render({ model, el }) {
  el.innerHTML = HTML;
  const [canvas, pen, clear, file, says] = ["canvas", "span", "button", "input", "p"].map(tag => el.querySelector(tag));
  const g = canvas.getContext("2d"), size = canvas.width;
  let strokes = 0, photo = false, pointer = null, last = null, sent = null, timer = null, x = size / 2, y = x, down = false;

  function blank() { g.fillStyle = "#000"; g.fillRect(0, 0, size, size); strokes = 0; photo = false; }
  function line(to) {                                      // from the last place, or a dot
    if (photo) blank();                                    // a new drawing takes the place of a picture
    Object.assign(g, { strokeStyle: "#fff", lineCap: "round", lineJoin: "round", lineWidth: PEN });
    g.beginPath(); g.moveTo(...(last || to)); g.lineTo(...to); g.stroke();
    last = to; strokes += 1;
  }
  function send(picture, uploaded) {
    clearTimeout(timer); sent = picture;
    model.set("picture", picture); model.set("uploaded", uploaded); model.save_changes();
  }
  function sendSoon() {
    clearTimeout(timer);
    timer = setTimeout(() => { if (!photo) send(strokes ? canvas.toDataURL("image/png") : "", false); }, WAIT);
  }
  function place(e) {
    const box = canvas.getBoundingClientRect();
    return [(e.clientX - box.left) * size / box.width, (e.clientY - box.top) * size / box.height];
  }
  function fitted(source) {                                // a picture in the middle of the pad, as large as it fits
    const scale = size / Math.max(source.width, source.height), w = source.width * scale, h = source.height * scale;
    blank(); photo = true; g.imageSmoothingQuality = "high"; g.drawImage(source, (size - w) / 2, (size - h) / 2, w, h);
  }
  function showPen() {
    pen.hidden = false; pen.classList.toggle("drawpad-down", down);
    Object.assign(pen.style, { left: 100 * x / size + "%", top: 100 * y / size + "%" });
  }

  canvas.addEventListener("pointerdown", e => {
    if (pointer !== null || e.button !== 0) return;        // a second finger, or another button
    pointer = e.pointerId; last = null; says.textContent = "";
    try { canvas.setPointerCapture(pointer); } catch { /* a pointer that is gone already */ }
    canvas.focus({ preventScroll: true }); pen.hidden = true; line(place(e)); e.preventDefault();
  });
  canvas.addEventListener("pointermove", e => {
    const all = e.getCoalescedEvents ? e.getCoalescedEvents() : [];
    if (e.pointerId === pointer) for (const one of all.length ? all : [e]) line(place(one));
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"])  // what was drawn stays
    canvas.addEventListener(end, e => { if (e.pointerId === pointer) { pointer = last = null; sendSoon(); } });
  canvas.addEventListener("keydown", e => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], " ": [0, 0] }[e.key];
    if (!move) return;
    e.preventDefault(); e.stopPropagation(); last = [x, y];
    [x, y] = last.map((n, axis) => Math.min(size, Math.max(0, n + STEP * move[axis])));
    if (e.key === " ") { down = !down; says.textContent = down ? "The pen is down." : "The pen is lifted."; }
    if (down) { line([x, y]); sendSoon(); }
    last = null; showPen();
  });
  canvas.addEventListener("focus", () => { if (canvas.matches(":focus-visible") && pointer === null) showPen(); });
  canvas.addEventListener("blur", () => { pen.hidden = true; down = false; });
  clear.addEventListener("click", () => { blank(); down = false; says.textContent = "The pad is empty."; send("", false); });
  file.addEventListener("change", async () => {
    const chosen = file.files[0];
    if (!chosen) return;
    try {
      const bitmap = await createImageBitmap(chosen, { imageOrientation: "from-image" });
      const scale = Math.min(1, LARGEST / Math.max(bitmap.width, bitmap.height)), small = document.createElement("canvas");
      [small.width, small.height] = [bitmap.width, bitmap.height].map(n => Math.max(1, Math.round(n * scale)));
      const s = small.getContext("2d");
      s.imageSmoothingQuality = "high"; s.drawImage(bitmap, 0, 0, small.width, small.height);
      fitted(bitmap); says.textContent = "The picture is on the pad."; send(small.toDataURL("image/png"), true);
    } catch {
      says.textContent = "This file is no picture that the browser can read: choose a PNG or JPEG file.";
    }
    file.value = "";                                       // so that the same file can be chosen again
  });

  function restore() {                                     // what Python, or another view of this pad, put here
    const picture = model.get("picture"), image = new Image();
    if (picture === sent) return;
    sent = picture; blank();
    image.onload = () => { fitted(image); photo = model.get("uploaded"); strokes = 1; };
    if (picture) image.src = picture;
  }
  model.on("change:picture", restore); blank(); restore();
  return () => { clearTimeout(timer); model.off("change:picture", restore); };
}
export default { render };
