// Times in the zone of whoever looks. The server writes UTC, which is what stays without scripts.
(() => {
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

  // What is read. A title marks what is done already, and keeps what the server wrote.
  const showTimes = (root) => {
    for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
      time.title = time.textContent;
      time.textContent = format.format(new Date(time.dateTime));
    }
  };

  // What is typed: a field of this zone in the place of the one that takes RFC 3339, which is sent.
  const localTime = (instant) => {
    const local = new Date(instant.getTime() - instant.getTimezoneOffset() * 60_000);
    return local.toISOString().slice(0, 16);
  };
  const askTimes = () => {
    for (const sent of document.querySelectorAll("input[data-time]")) {
      const instant = new Date(sent.value);
      // What is no time stays as it was typed, beside what is said about it.
      if (sent.value && Number.isNaN(instant.getTime())) continue;
      const typed = document.createElement("input");
      typed.type = "datetime-local";
      typed.value = sent.value ? localTime(instant) : "";
      for (const name of ["id", "aria-describedby", "aria-invalid", "autofocus"]) {
        if (sent.hasAttribute(name)) typed.setAttribute(name, sent.getAttribute(name));
        sent.removeAttribute(name);
      }
      typed.max = "9999-12-31T23:59";
      typed.addEventListener("input", () => {
        if (typed.validity.valid) sent.value = typed.value ? new Date(typed.value).toISOString() : "";
      });
      // Half a time is none; sent, it would read as one that was taken away.
      sent.form.addEventListener("submit", (event) => {
        if (typed.validity.valid) return;
        event.preventDefault();
        typed.reportValidity();
      });
      sent.type = "hidden";
      sent.before(typed);
    }
  };

  // A day ends where it is looked at: beside the day that is asked for its last moment is sent.
  const askDays = () => {
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
  askDays();
  askTimes();
  document.addEventListener("htmx:after:swap", () => showTimes(document));
})();
