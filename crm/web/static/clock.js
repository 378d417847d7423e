// The reply-due clocks: one timer for all of a page, which reads [data-due] anew each time.
//
// The server's time at the page's making is on #clock: a computer's own may be wrong.
"use strict";
(() => {
  const HOUR = 3600;
  const DAY = 24 * HOUR;
  const words = document.getElementById("clock")?.dataset;
  if (!words) return;
  const ahead = Number(words.now) - Date.now();
  const filled = (pattern, values) => pattern.replace(/\{(\w+)\}/g, (_all, name) => values[name]);

  // As `formats.time_left` writes it.
  function written(seconds) {
    const [minutes, hours, days] = [60, HOUR, DAY].map((unit) => Math.floor(seconds / unit));
    if (seconds < HOUR) return `${minutes}:${String(seconds % 60).padStart(2, "0")}`;
    if (seconds < 2 * DAY) return filled(words.hours, { hours, minutes: minutes % 60 });
    return filled(words.days, { days });
  }

  function tick() {
    const now = Date.now() + ahead;
    for (const clock of document.querySelectorAll("[data-due]")) {
      const left = Math.floor((Date.parse(clock.dataset.due) - now) / 1000);
      const time = written(Math.abs(left));
      clock.classList.toggle("due-late", left < 0);
      clock.classList.toggle("due-soon", left >= 0 && left < Number(words.soon));
      clock.querySelector(".due-time").textContent = left < 0 ? filled(words.late, { time }) : time;
    }
  }

  setInterval(tick, 1000);
  document.addEventListener("htmx:afterSwap", tick);
  tick();
})();
