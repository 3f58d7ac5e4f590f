// Fetches the page again every 2 s and replaces what is inside <main>. Fetches nothing while the tab is hidden; dims the
// page while the sidecar does not answer.
"use strict";
const period = 2000;
let timer = null;

async function refresh() {
  timer = null;
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(answer.statusText);
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    const [from, to] = [next.querySelector("main"), document.querySelector("main")];
    // Sideways scrolling of tables is kept; the page's own position does not change with its content.
    const scrolled = [...to.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
    if (!document.getSelection().toString()) {
      to.replaceChildren(...from.childNodes);
      to.querySelectorAll(".scroll").forEach((box, index) => { box.scrollLeft = scrolled[index] ?? 0; });
    }
    document.title = next.title;
    document.body.classList.remove("stale");
  } catch {
    document.body.classList.add("stale");
    document.title = "no answer: Mapwarden";
  }
  schedule();
}

function schedule() {
  if (!document.hidden && timer === null) timer = setTimeout(refresh, period);
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  timer = null;
  if (!document.hidden) refresh();
});
schedule();
