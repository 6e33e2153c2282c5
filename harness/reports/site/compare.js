// A line that moves over the pair, images that take turns, and maps that fade.
const still = matchMedia("(prefers-reduced-motion: reduce)");
const EACH = 700; // ms that one image is shown: far below three flashes a second

for (const turns of document.querySelectorAll(".turns")) {
  const [stage, split, button, said] = [".stage", ".split", ".flicker", ".said"].map((name) =>
    turns.querySelector(name),
  );
  let timer = 0;

  const place = () => {
    stage.style.setProperty("--at", `${split.value}%`);
    split.setAttribute("aria-valuetext", `${split.value} % test, ${100 - split.value} % reference`);
  };

  const show = (shown) => {
    stage.dataset.shown = shown;
    stage.style.setProperty("--at", shown === "test" ? "100%" : "0%");
  };

  const swap = () => show(stage.dataset.shown === "test" ? "reference" : "test");

  const stop = () => {
    clearInterval(timer);
    timer = 0;
    stage.classList.remove("flickers");
    delete stage.dataset.shown;
    if (!still.matches) button.setAttribute("aria-pressed", "false");
    said.textContent = "";
    place();
  };

  split.addEventListener("input", stop);

  // Whoever asks for less motion swaps the images by hand, one press at a time.
  const name = () => {
    stop();
    button.textContent = still.matches ? "Swap" : "Flicker";
    if (still.matches) button.removeAttribute("aria-pressed");
  };
  still.addEventListener("change", name);

  button.addEventListener("click", () => {
    if (timer) return stop();
    stage.classList.add("flickers");
    swap();
    if (still.matches) {
      said.textContent = `Shown: ${stage.dataset.shown}`;
      return;
    }
    button.setAttribute("aria-pressed", "true");
    timer = setInterval(swap, EACH);
  });

  const drag = (event) => {
    if (event.type === "pointermove" && !event.buttons) return;
    const box = stage.getBoundingClientRect();
    split.value = Math.round((100 * (event.clientX - box.left)) / box.width);
    stop();
  };
  stage.addEventListener("pointerdown", drag);
  stage.addEventListener("pointermove", drag);
  name();
}

for (const range of document.querySelectorAll(".opacity")) {
  const section = range.closest(".model");
  range.addEventListener("input", () => section.style.setProperty("--opacity", range.value / 100));
}
