// The arrow keys, page up and down, space, home and end; a tap on the left or right half; the address names the slide.
const slides = document.querySelectorAll("section");
let shown = -1;

function show(number) {
  const index = Math.max(0, Math.min(slides.length - 1, number - 1));
  if (index === shown) return;
  slides.forEach((slide, other) => slide.classList.toggle("shown", other === index));
  shown = index;
  fit();
  document.getElementById("place").textContent = index + 1;
  history.replaceState(null, "", "#" + (index + 1));
  scrollTo(0, 0);
}

// A slide that is too high for a wide window shrinks; in a narrow one it scrolls.
function fit() {
  const slide = slides[shown];
  slide.style.zoom = 1;
  if (innerWidth > 700) slide.style.zoom = Math.max(0.5, Math.min(1, innerHeight / slide.offsetHeight));
}
addEventListener("resize", fit);

const moves = {
  ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1,
  ArrowLeft: -1, ArrowUp: -1, PageUp: -1,
  Home: -Infinity, End: Infinity,
};
addEventListener("keydown", (event) => {
  const move = moves[event.key];
  if (move === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  show(shown + 1 + move);
});
addEventListener("click", (event) => {
  if (getSelection().isCollapsed) show(shown + 1 + (event.clientX < innerWidth / 2 ? -1 : 1));
});
addEventListener("hashchange", () => show(Number(location.hash.slice(1)) || 1));
show(Number(location.hash.slice(1)) || 1);
