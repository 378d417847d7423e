// A file that is chosen is read into the text beside it: nothing is sent before the form is.
"use strict";
(() => {
  for (const place of document.querySelectorAll("[data-file]")) {
    const chosen = place.querySelector("input");
    place.hidden = false;
    chosen.addEventListener("change", async () => {
      const [file] = chosen.files;
      if (file) document.getElementById(chosen.dataset.into).value = await file.text();
    });
  }
})();
