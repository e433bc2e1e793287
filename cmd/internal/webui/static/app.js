// What pages do beside what forms and links do: keys, and choosing rows. Everything here is
// an addition; each page works without it.
"use strict";
(() => {
  const typing = (el) => el instanceof HTMLElement && (el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName) && !/^(checkbox|radio|button|submit)$/.test(el.type));
  const rows = () => Array.from(document.querySelectorAll("[data-row]"));
  const current = () => document.querySelector("[data-row].here");

  function go(step) {
    const all = rows();
    if (all.length === 0) return;
    const at = all.indexOf(current());
    const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1);
    choose(all[next]);
    const link = all[next].querySelector("[data-open]");
    if (link) link.focus();
  }

  function choose(row) {
    for (const one of rows()) one.classList.toggle("here", one === row);
  }

  // act does what stands under a key: in the row that is chosen, else on the page.
  function act(key) {
    const row = current();
    const el = row && row.querySelector(`[data-row-key="${key}"]`) || document.querySelector(`[data-key="${key}"]`);
    if (!el) return false;
    if (typing(el)) {
      el.focus();
      if (el.select) el.select();
    } else {
      if (el.matches("summary")) el.parentElement.open = true;
      el.focus();
      el.click();
    }
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const key = event.key;
    let taken = false;
    if (rows().length > 0 && (key === "j" || key === "k")) {
      go(key === "j" ? 1 : -1);
      taken = true;
    } else if (key === "Enter") {
      const on = event.target;
      const link = on === document.body && current() && current().querySelector("[data-open]");
      if (link) {
        link.click();
        taken = true;
      }
    } else if (/^[a-z?\/]$/.test(key)) {
      taken = act(key);
    }
    if (taken) event.preventDefault();
  });

  document.addEventListener("focusin", (event) => {
    const row = event.target.closest && event.target.closest("[data-row]");
    if (row) choose(row);
  });

  // Rows that were put in place of others: the one that was chosen stays so.
  let chosen = null;
  document.addEventListener("htmx:beforeSwap", () => {
    const row = current();
    chosen = row && row.dataset.row;
  });
  document.addEventListener("htmx:afterSettle", () => {
    for (const el of document.querySelectorAll("[data-script]")) el.hidden = false;
    const row = chosen && !current() && rows().find((one) => one.dataset.row === chosen);
    if (row) {
      choose(row);
      const link = row.querySelector("[data-open]");
      if (link) link.focus();
    }
    tell();
  });

  // Boxes of one form: how many are chosen is said where the page asks for it.
  function tell() {
    const said = document.querySelector("[data-chosen]");
    if (!said) return;
    const n = document.querySelectorAll("[data-box]:checked").length;
    said.textContent = said.dataset.chosen.replace("#", n);
    const part = document.querySelector("[data-bulk]");
    if (part) part.hidden = n === 0 && !part.querySelector("textarea").value;
  }
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-all]")) {
      for (const box of document.querySelectorAll("[data-box]")) box.checked = event.target.checked;
    }
    if (event.target.matches("[data-all], [data-box]")) tell();
    if (event.target.matches("[data-send]")) event.target.form.requestSubmit();
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-show]");
    const dialog = button && document.getElementById(button.dataset.show);
    if (dialog && !dialog.open) dialog.showModal();
  });

  // Copying: the button names what to copy, and says that it was.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const from = document.getElementById(button.dataset.copy);
    if (from && navigator.clipboard) {
      navigator.clipboard.writeText(from.value || from.textContent).then(() => { button.textContent = button.dataset.copied; });
    }
  });

  for (const el of document.querySelectorAll("[data-script]")) el.hidden = false;
  tell();
})();
