// Shows times in the viewer's time zone. The server writes UTC, which people without scripts see.
(() => {
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  // A date has no time zone; `Date` reads it as UTC.
  const dateFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });

  // Times to read. The title keeps the text of the server and marks elements that are converted already.
  const showTimes = (root) => {
    for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
      time.title = time.textContent;
      const isDate = time.dateTime.length === "2026-09-01".length;
      time.textContent = (isDate ? dateFormat : format).format(new Date(time.dateTime));
    }
  };

  // Times to enter: a picker in the viewer's time zone fills the hidden RFC 3339 field.
  const toLocal = (instant) => {
    const local = new Date(instant.getTime() - instant.getTimezoneOffset() * 60_000);
    return local.toISOString().slice(0, 16);
  };
  const addTimePickers = () => {
    for (const field of document.querySelectorAll("input[data-time]")) {
      const instant = new Date(field.value);
      // Keep what is not a time as it was typed, next to its error.
      if (field.value && Number.isNaN(instant.getTime())) continue;
      const picker = document.createElement("input");
      picker.type = "datetime-local";
      picker.value = field.value ? toLocal(instant) : "";
      for (const name of ["id", "aria-describedby", "aria-invalid", "autofocus"]) {
        if (field.hasAttribute(name)) picker.setAttribute(name, field.getAttribute(name));
        field.removeAttribute(name);
      }
      picker.max = "9999-12-31T23:59";
      picker.addEventListener("input", () => {
        if (picker.validity.valid) field.value = picker.value ? new Date(picker.value).toISOString() : "";
      });
      // A half-typed time has no value; sent like that, it would remove the time.
      field.form.addEventListener("submit", (event) => {
        if (picker.validity.valid) return;
        event.preventDefault();
        picker.reportValidity();
      });
      field.type = "hidden";
      field.before(picker);
    }
  };

  // A day ends at midnight in the viewer's time zone: send the last moment of the day with it.
  const sendEndsOfDays = () => {
    for (const day of document.querySelectorAll("input[data-end]")) {
      const end = document.createElement("input");
      end.type = "hidden";
      day.form.addEventListener("submit", () => {
        const [year, month, date] = day.value.split("-").map(Number);
        if (!date) return;
        end.name = day.dataset.end;
        end.value = new Date(new Date(year, month - 1, date + 1).getTime() - 1).toISOString();
        day.form.append(end);
      });
    }
  };

  showTimes(document);
  sendEndsOfDays();
  addTimePickers();
  document.addEventListener("htmx:after:swap", () => showTimes(document));
})();
