// Finds students and courses from anywhere: `/` or Ctrl/⌘ K opens a dialog, arrow keys choose, Enter opens. A combobox as
// in the ARIA Authoring Practices: the focus stays in the field.
(() => {
  const dialog = document.querySelector("dialog.find");
  if (!dialog) return;
  const open = document.querySelector("button.find");
  const field = dialog.querySelector("[role=combobox]");
  const list = dialog.querySelector("[role=listbox]");
  const status = dialog.querySelector("[role=status]");
  const slash = dialog.querySelector("[type=checkbox]");
  let search = new AbortController();
  let waiting;

  // Whoever dictates may not want a single character to open a dialog (WCAG 2.1.4). Some browsers forbid to store it.
  const storage = (() => {
    try {
      return localStorage;
    } catch {
      return undefined;
    }
  })();
  const showSlash = () => open.classList.toggle("by-slash", slash.checked);
  slash.checked = storage?.getItem("find-by-slash") !== "off";
  slash.addEventListener("change", () => {
    storage?.setItem("find-by-slash", slash.checked ? "on" : "off");
    showSlash();
  });
  showSlash();

  const options = () => [...list.querySelectorAll("[role=option]")];
  const active = () => list.querySelector("[aria-selected=true]");

  const choose = (option) => {
    active()?.setAttribute("aria-selected", "false");
    if (!option) return field.removeAttribute("aria-activedescendant");
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", option.id);
  };

  const show = (html, words) => {
    list.innerHTML = html;
    const found = options();
    status.textContent = words ?? list.querySelector("[data-status]")?.dataset.status ?? "";
    field.setAttribute("aria-expanded", String(found.length > 0));
    list.hidden = found.length === 0;
    choose(found[0]);
  };

  const find = async () => {
    search.abort();
    search = new AbortController();
    const { signal } = search;
    if (!field.value.trim()) return show("", "");
    try {
      const url = `/find?${new URLSearchParams({ q: field.value })}`;
      const answer = await fetch(url, { headers: { accept: "text/html", "hx-request-type": "partial" }, signal });
      const html = await answer.text();
      if (answer.ok) show(html);
      else show("", "The search failed. Try again.");
    } catch {
      if (!signal.aborted) show("", "The server does not answer. Try again.");
    }
  };

  const openDialog = () => {
    if (dialog.open) return;
    dialog.showModal();
    field.select();
  };

  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(find, 120);
  });
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const all = options();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && all.length) {
      event.preventDefault();
      choose(all.at((all.indexOf(active()) + step) % all.length));
    } else if (event.key === "Enter") {
      event.preventDefault();
      active()?.click();
    }
  });
  // A click beside the dialog is one on its backdrop.
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  open.hidden = false;
  open.addEventListener("click", openDialog);
  document.addEventListener("keydown", (event) => {
    const isChord = (event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k";
    const isTyping = event.target.closest?.("input, textarea, select, [contenteditable]");
    const isSlash = event.key === "/" && slash.checked && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping;
    if (!isChord && !isSlash) return;
    event.preventDefault();
    openDialog();
  });
})();
