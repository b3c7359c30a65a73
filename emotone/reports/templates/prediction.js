"use strict";
const sound = document.getElementById("sound");
const timeline = document.getElementById("timeline");
const picture = timeline.querySelector("svg");
const first = document.getElementById("timeline-sound");
const last = document.getElementById("timeline-end");
const rows = [...document.querySelectorAll("tr[data-start]")];

function playFrom(seconds) {
  sound.currentTime = seconds;
  sound.play().catch(() => {}); // a browser may refuse; the controls remain
}

for (const button of document.querySelectorAll(".seek")) {
  button.addEventListener("click", () => playFrom(Number(button.dataset.start)));
}

picture.addEventListener("click", (event) => {
  const area = first.getBoundingClientRect();
  const share = (event.clientX - area.left) / area.width;
  if (share >= 0 && share <= 1) playFrom(share * Number(timeline.dataset.seconds));
});

const playhead = document.createElementNS("http://www.w3.org/2000/svg", "line");
playhead.setAttribute("class", "playhead");
picture.append(playhead);

function follow() {
  const top = first.getBBox(), bottom = last.getBBox();
  const x = top.x + (top.width * sound.currentTime) / Number(timeline.dataset.seconds);
  const place = { x1: x, x2: x, y1: top.y, y2: bottom.y + bottom.height };
  for (const [name, value] of Object.entries(place)) playhead.setAttribute(name, value);
  for (const row of rows) {
    const now = Number(row.dataset.start) <= sound.currentTime && sound.currentTime < Number(row.dataset.end);
    if (now) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

function animate() {
  follow();
  if (!sound.paused) requestAnimationFrame(animate);
}

sound.addEventListener("play", animate);
sound.addEventListener("seeked", follow);
sound.addEventListener("error", () => {
  document.getElementById("unplayable").hidden = false;
});
follow();
