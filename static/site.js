// Shows times in the viewer's time zone. The server writes UTC, which people without scripts see.
(() => {
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  // A date has no time zone; `Date` reads it as UTC.
  const dateFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });

  // Without the year if it is this one.
  const formatWithoutThisYear = (time, parts) => {
    const isThisYear = time.getFullYear() === new Date().getFullYear();
    return new Intl.DateTimeFormat(undefined, isThisYear ? parts : { ...parts, year: "numeric" });
  };

  // Times in a sentence, with the time zone.
  const momentFormat = (time) => formatWithoutThisYear(
    time, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit", timeZoneName: "short" },
  );

  // Days and times of day, and times to be kept.
  const onlyFormats = {
    date: (time) => formatWithoutThisYear(time, { weekday: "short", month: "short", day: "numeric" }),
    clock: () => new Intl.DateTimeFormat(undefined, { timeStyle: "medium" }),
    exact: () => new Intl.DateTimeFormat(undefined, {
      weekday: "short", year: "numeric", month: "short", day: "numeric",
      hour: "numeric", minute: "2-digit", second: "2-digit", timeZoneName: "short",
    }),
  };

  // Times to read. The title keeps the text of the server and marks elements that are converted already.
  const showTimes = (root) => {
    for (const time of root.querySelectorAll("time[datetime]:not([title], [data-clock])")) {
      time.title = time.textContent;
      const isDate = time.dateTime.length === "2026-09-01".length;
      const at = new Date(time.dateTime);
      const wanted = isDate ? dateFormat : "moment" in time.dataset ? momentFormat(at) : onlyFormats[time.dataset.only]?.(at);
      time.textContent = (wanted ?? format).format(at);
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

  // A roster is known up to today.
  const endPastDays = () => {
    for (const day of document.querySelectorAll("input[data-past]")) {
      day.max = toLocal(new Date()).slice(0, "2026-09-01".length);
    }
  };

  const addCopyButtons = () => {
    for (const button of document.querySelectorAll("button[data-copy]")) {
      const text = document.getElementById(button.dataset.copy);
      button.hidden = false;
      button.addEventListener("click", async () => {
        text.select();
        // Only pages with a secure connection may use the clipboard; the selection can always be copied.
        await navigator.clipboard?.writeText(text.value);
        button.textContent = navigator.clipboard ? "Copied" : "Selected";
      });
    }
    for (const button of document.querySelectorAll("button[data-print]")) {
      button.hidden = false;
      button.addEventListener("click", () => print());
    }
  };

  // The clock of the board shows the time of the server, which decides when registration opens.
  const startClock = () => {
    const clock = document.querySelector("time[data-clock]");
    if (!clock) return;
    const ahead = new Date(clock.dateTime) - Date.now();
    const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit", second: "2-digit" });
    const tick = () => {
      const now = Date.now() + ahead;
      clock.textContent = clockFormat.format(now);
      setTimeout(tick, 1000 - (now % 1000));
    };
    tick();
  };

  // Counts down to times by the clock of the server, and refreshes what changes by itself: when a time has come, every
  // twenty seconds while somebody looks, and when they come back.
  const countDown = () => {
    const parts = (seconds) => {
      const [days, hours, minutes] = [86400, 3600, 60].map((unit) => Math.floor(seconds / unit));
      const two = (number) => String(number).padStart(2, "0");
      if (days >= 1) return `in ${days} d ${hours % 24} h`;
      if (hours >= 1) return `in ${hours}:${two(minutes % 60)}:${two(seconds % 60)}`;
      return `in ${minutes}:${two(seconds % 60)}`;
    };
    const refreshing = document.querySelector("[data-refresh]");
    const refresh = () => refreshing?.dispatchEvent(new Event("refresh"));
    // Never sends a form again: the page after a refused form has the address of its course.
    const reload = () => location.replace(stated.dataset.here ?? location.href);
    const stated = document.querySelector("[data-now]");
    const ahead = stated ? new Date(stated.dataset.now) - Date.now() : 0;
    const tick = () => {
      const now = Date.now() + ahead;
      for (const shown of document.querySelectorAll("[data-until]")) {
        const seconds = Math.ceil((new Date(shown.dataset.until) - now) / 1000);
        shown.hidden = seconds <= 0;
        if (seconds > 0) shown.textContent = parts(seconds);
        // Spread out, since the whole school may wait for the same moment.
        else shown.dataset.due ??= setTimeout(refreshing ? refresh : reload, Math.random() * 1500);
      }
    };
    if (!stated && !refreshing) return;
    tick();
    setInterval(tick, 1000);
    if (!refreshing) return;
    setInterval(() => document.hidden || refresh(), 20_000);
    document.addEventListener("visibilitychange", () => document.hidden || refresh());
  };

  // The board says since when it hears nothing. The server sends something at least every ten seconds.
  const watchFeed = () => {
    const feed = document.querySelector("[data-feed]");
    if (!feed) return;
    const notice = document.querySelector("[data-lost]");
    const timeFormat = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
    let heard = Date.now();
    const lose = () => {
      if (!notice.hidden || document.hidden) return;
      notice.querySelector("[data-since]").textContent = timeFormat.format(heard);
      notice.hidden = false;
    };
    feed.addEventListener("htmx:sse:after:message", () => {
      heard = Date.now();
      notice.hidden = true;
    });
    feed.addEventListener("htmx:sse:error", lose);
    feed.addEventListener("htmx:sse:before:connection", (event) => {
      if (event.detail.connection.attempt > 1) lose();
    });
    setInterval(() => {
      if (Date.now() - heard > 25_000) lose();
    }, 1000);
  };

  // A browser empties the field of the files when it shows another page. A form that is refused keeps them instead.
  const keepFiles = () => {
    document.addEventListener("submit", async (event) => {
      const form = event.target.closest("form[data-keeps-files]");
      if (!form) return;
      event.preventDefault();
      const button = form.querySelector("button");
      button.disabled = true;
      const body = new FormData(form);
      const answer = await fetch(form.action, { method: "POST", body, headers: { accept: "text/html" } }).catch(() => null);
      if (!answer) {
        form.submit();
        return;
      }
      if (answer.redirected) {
        location.assign(answer.url);
        return;
      }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const answered = page.querySelector("main");
      // An error page of a proxy, for example for files that are too large for it: the browser shows it.
      if (!answered) {
        form.submit();
        return;
      }
      const main = document.adoptNode(answered);
      const fresh = main.querySelector("form[data-keeps-files] input[type=file]");
      const files = form.querySelector("input[type=file]");
      document.querySelector("main").replaceWith(main);
      if (fresh) {
        fresh.previousElementSibling.textContent = "These files are sent again; you can choose others.";
        fresh.replaceWith(files);
      }
      showTimes(main);
      main.querySelector("[autofocus]")?.focus();
    });
  };

  showTimes(document);
  keepFiles();
  endPastDays();
  addCopyButtons();
  startClock();
  countDown();
  watchFeed();
  sendEndsOfDays();
  addTimePickers();
  document.addEventListener("htmx:after:swap", () => showTimes(document));
})();
