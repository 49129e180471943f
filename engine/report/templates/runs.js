// The list of experiments: found as you type, by outcome, backend and any parameter, a page at a time.
"use strict";
const runs = (() => {
  const { node, seconds } = charts;
  const PAGE = 50;
  const MOST_VALUES = 10; // more columns than these fit on no screen
  const FIXED = [
    ["run", (run) => run.run, ""],
    ["backend", (run) => run.backend, "minor"],
    ["outcome", (run) => run.state, ""],
    ["attempts", (run) => run.attempts.length, "number minor"],
    ["took", (run) => run.spent_s, "number"],
    ["reason", (run) => run.reason, ""],
  ];

  // What differs among the runs: a column each, for parameters, keys and metrics alike.
  function varied(data) {
    const seen = new Map();
    for (const { values } of data.runs)
      for (const [name, value] of Object.entries(values)) {
        if (!seen.has(name)) seen.set(name, new Set());
        seen.get(name).add(text(value));
      }
    return [...seen].filter(([, found]) => found.size > 1).map(([name]) => name);
  }

  const text = (value) => (value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value));

  // The value of a run by name: a column of the plan, else a parameter, a key or a metric.
  const told = (run, name) => (["backend", "experiment", "run", "cycle", "repeat", "state"].includes(name) ? run[name] : Object.hasOwn(run.values, name) ? run.values[name] : undefined);

  // A word such as batch=8 or model=llama*: numbers by value, all else as a glob.
  function condition(word, names) {
    const at = word.indexOf("=");
    const name = word.slice(0, at), wanted = word.slice(at + 1);
    if (at < 1 || !wanted || !names.has(name)) return null;
    const number = Number(wanted);
    const glob = new RegExp(`^${wanted.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*").replace(/\?/g, ".")}$`, "i");
    return (run) => {
      const value = told(run, name);
      return value !== undefined && value !== null && (typeof value === "number" && !Number.isNaN(number) ? value === number : glob.test(text(value)));
    };
  }

  const human = (value) => (typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(5))) : text(value));

  function list(data) {
    const differing = varied(data);
    const names = new Set(["backend", "experiment", "run", "cycle", "repeat", "state", ...data.runs.flatMap((run) => Object.keys(run.values))]);
    const numeric = (name) => data.runs.every((run) => ["number", "undefined"].includes(typeof told(run, name)));
    const COLUMNS = [...FIXED.slice(0, 3), ...differing.slice(0, MOST_VALUES).map((name) => [name, (run) => run.values[name], numeric(name) ? "number minor" : "minor", "value"]), ...FIXED.slice(3)];
    const [find, byState, byBackend, found, body, head, pages] = ["#find", "#by-state", "#by-backend", "#found", "#list tbody", "#list thead tr", "#pages"].map((one) => document.querySelector(one));
    const all = data.runs.map((run, index) => ({
      run, index,
      text: [run.run, run.experiment, run.backend, run.state, run.aside, run.reason, ...Object.values(run.values).map(text), ...run.attempts.flatMap((one) => [one.reason, one.result, ...one.metrics.map(([name]) => name), ...one.stdout_lines, ...one.stderr_lines])].join("\n").toLowerCase(),
    }));
    const open = new Set();
    let shown = all, page = 0, sorted = null;

    function filter() {
      const written = find.value.split(/\s+/).filter(Boolean);
      const conditions = written.map((word) => condition(word, names)).filter(Boolean);
      const words = written.filter((word) => !condition(word, names)).map((word) => word.toLowerCase());
      shown = all.filter(({ run, text: found }) => (!byState.value || run.state === byState.value) && (!byBackend.value || run.backend === byBackend.value) && words.every((word) => found.includes(word)) && conditions.every((holds) => holds(run)));
      if (sorted) {
        const value = COLUMNS[sorted.column][1];
        const lacks = (one) => one === undefined || one === null;
        const order = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : text(a).localeCompare(text(b), "en", { numeric: true }));
        shown = [...shown].sort((a, b) => {
          const [one, other] = [value(a.run), value(b.run)];
          return lacks(one) - lacks(other) || sorted.way * order(one, other) || a.index - b.index; // what lacks it comes last
        });
      }
      page = 0;
      show();
    }

    function show() {
      const last = Math.max(0, Math.ceil(shown.length / PAGE) - 1);
      page = Math.min(page, last);
      const from = page * PAGE, until = Math.min(from + PAGE, shown.length);
      found.textContent = shown.length === 0 ? `none of ${all.length} found` : `${from + 1} to ${until} of ${shown.length}${shown.length === all.length ? "" : `, found among ${all.length}`}`;
      body.replaceChildren(...shown.slice(from, until).flatMap(({ run, index }) => (open.has(index) ? [row(run, index), detail(run, index)] : [row(run, index)])));
      pages.hidden = last === 0;
      buttons.forEach(([button, target]) => { button.disabled = target(last) === page; });
    }

    function row(run, index) {
      const made = node("tr");
      for (const [name, value, kind, origin] of COLUMNS) {
        const cell = node(name === "run" && !origin ? "th" : "td", "", { class: kind, ...(name === "run" && !origin && { scope: "row" }) });
        if (origin) cell.textContent = human(value(run));
        else if (name === "run") cell.append(more(run, index));
        else if (name === "outcome") {
          const tag = node("span", run.state, { class: "tag" });
          tag.style.setProperty("--ink", `var(--result-${run.state})`);
          cell.append(tag);
          if (run.aside) cell.append(node("span", ` ${run.aside}`, { class: "quiet" }));
        } else cell.textContent = name === "took" ? (run.attempts.length ? seconds(run.spent_s) : "") : value(run);
        made.append(cell);
      }
      return made;
    }

    function more(run, index) {
      const button = node("button", run.run, { type: "button", class: "more", "aria-expanded": String(open.has(index)) });
      button.addEventListener("click", () => {
        const line = button.closest("tr");
        if (open.delete(index)) line.nextElementSibling.remove();
        else { open.add(index); line.after(detail(run, index)); }
        button.setAttribute("aria-expanded", String(open.has(index)));
      });
      return button;
    }

    function detail(run) {
      const made = node("tr", "", { class: "detail" });
      const cell = node("td", "", { colspan: COLUMNS.length });
      cell.append(node("p", `Experiment ${run.experiment} on ${run.backend}, cycle ${run.cycle}, repeat ${run.repeat}.`));
      const known = Object.entries(run.values).map(([name, value]) => `${name} = ${text(value)}`);
      if (known.length) cell.append(node("p", `${known.join(", ")}.`));
      if (run.earlier.length) cell.append(node("p", `It was run again; before that it was ${run.earlier.join(", then ")}.`));
      if (!run.attempts.length) cell.append(node("p", "It was never tried."));
      for (const one of run.attempts) cell.append(...attempt(one));
      made.append(cell);
      return made;
    }

    function* attempt(one) {
      const code = one.exit_code === null ? "" : `, exit code ${one.exit_code}`;
      yield node("h4", `Attempt ${one.number}: ${one.result}${code}`);
      if (one.reason) yield node("p", one.reason);
      const began = new Date(one.from).toISOString().replace("T", " ").replace("Z", " UTC");
      const times = [["waited", one.waited_s], ["handed over in", one.handed_over_s], ["ran for", one.ran_s], ["end seen after", one.noticed_s]].filter(([, value]) => value !== null);
      yield node("p", `${began}; ${times.map(([words, value]) => `${words} ${value < 1 ? `${(value * 1000).toFixed(0)} ms` : seconds(value)}`).join(", ")}.`, { class: "quiet" });
      if (one.command) { const words = node("p", "", { class: "quiet" }); words.append(node("code", one.command)); yield words; }
      if (one.container) {
        const where = node("p", `Container ${one.container.slice(0, 12)}, start ${one.generation}. `, { class: "quiet" });
        if (one.log) where.append(link("What its backend wrote", one.log));
        yield where;
      }
      if (one.beside.length) yield node("p", `Experiments ran at the same time in: ${one.beside.join(", ")}.`, { class: "quiet" });
      if (one.gpus_shared_with.length) yield node("p", `Up on the same GPUs: ${one.gpus_shared_with.join(", ")}.`, { class: "quiet" });
      yield* handedBack(one);
      for (const name of ["stdout", "stderr"]) {
        if (!one[`${name}_lines`].length) continue;
        yield node("p", `Last lines of ${one[name]}:`, { class: "quiet" });
        yield node("pre", one[`${name}_lines`].join("\n"), { tabindex: "0", role: "group", "aria-label": `${name} of attempt ${one.number}` });
      }
      if (!one.stdout_lines.length && !one.stderr_lines.length) yield node("p", "No output is there.", { class: "quiet" });
    }

    function link(name, path) {
      return node("a", name, { href: `./${path.split("/").map(encodeURIComponent).join("/")}`, rel: "noopener noreferrer", target: "_blank" });
    }

    function* handedBack(one) {
      const about = Object.entries(one.about).map(([name, value]) => `${name} = ${typeof value === "string" ? value : JSON.stringify(value)}`);
      if (about.length) yield node("p", about.join(", "), { class: "quiet" });
      if (one.metrics.length) {
        yield node("p", "Metrics:", { class: "quiet" });
        const list = node("ul", "", { class: "metrics" });
        for (const [name, value, unit] of one.metrics) list.append(node("li", `${name}: ${value}${unit ? ` ${unit}` : ""}`));
        yield list;
      }
      if (one.artifacts.length) {
        yield node("p", "Artifacts:", { class: "quiet" });
        const list = node("ul", "", { class: "artifacts" });
        for (const [path, bytes] of one.artifacts) {
          const item = node("li");
          const name = path.split("/artifacts/").slice(1).join("/artifacts/") || path;
          item.append(link(name, path), ` (${bytes.toLocaleString("en")} bytes)`);
          list.append(item);
        }
        yield list;
      }
      for (const warning of one.warnings) yield node("p", `Warning: ${warning}`, { class: "quiet" });
    }

    COLUMNS.forEach(([name, , kind], column) => {
      const cell = node("th", "", { scope: "col", class: kind });
      const button = node("button", name, { type: "button" });
      button.addEventListener("click", () => {
        sorted = sorted && sorted.column === column ? (sorted.way === 1 ? { column, way: -1 } : null) : { column, way: 1 };
        [...head.children].forEach((one, other) => (sorted && other === sorted.column ? one.setAttribute("aria-sort", sorted.way === 1 ? "ascending" : "descending") : one.removeAttribute("aria-sort")));
        filter();
      });
      cell.append(button);
      head.append(cell);
    });

    const buttons = [["First", () => 0], ["Previous", () => Math.max(0, page - 1)], ["Next", (last) => Math.min(last, page + 1)], ["Last", (last) => last]].map(([name, target]) => {
      const button = node("button", name, { type: "button", "aria-label": `${name} page` });
      button.addEventListener("click", () => { page = target(Math.max(0, Math.ceil(shown.length / PAGE) - 1)); show(); });
      pages.append(button);
      return [button, target];
    });

    for (const [select, names] of [[byState, data.runs.map((run) => run.state)], [byBackend, data.runs.map((run) => run.backend)]]) {
      [...new Set(names)].sort().forEach((name) => select.append(node("option", name, { value: name })));
      select.addEventListener("change", filter);
    }
    find.addEventListener("input", filter);
    document.getElementById("clear").addEventListener("click", () => {
      find.value = byState.value = byBackend.value = "";
      filter();
      find.focus();
    });
    filter();

    // Show one run, wherever it is.
    return (index) => {
      find.value = byState.value = byBackend.value = "";
      open.add(index);
      filter();
      page = Math.floor(shown.findIndex((one) => one.index === index) / PAGE);
      show();
      const place = shown.slice(page * PAGE).findIndex((one) => one.index === index);
      const button = body.querySelectorAll("button.more")[place];
      button.focus();
      button.scrollIntoView({ block: "center" });
    };
  }

  return { list };
})();
