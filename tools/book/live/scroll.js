// Pictures too wide for the screen scroll in their box. The keyboard must reach them, as it does code and tables, which the
// theme sees to.
"use strict";
addEventListener("load", () => {
  for (const box of document.querySelectorAll(".cell_output p")) if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
});
