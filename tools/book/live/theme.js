// Light or dark: as chosen in the book, else as the system is. It stands in the head of the pages that are not the theme's.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  function paint() {
    let mode = null;
    try { mode = localStorage.getItem("mode"); } catch { /* storage is switched off */ }
    document.documentElement.dataset.theme = mode === "dark" || (mode !== "light" && dark.matches) ? "dark" : "light";
  }
  paint();
  dark.addEventListener("change", paint);
})();
