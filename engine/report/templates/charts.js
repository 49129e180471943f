// The timelines and the plots, drawn by Plotly. Colours come from the page's style sheet.
"use strict";
const charts = (() => {
  const LANES = { attempts: 0, state: 1, restarts: 2 };
  const GIB = 2 ** 30;
  const MANY = 400; // from so many values on, single points say nothing
  const drawn = []; // what is drawn again when the page turns dark or bright

  const style = getComputedStyle(document.documentElement);
  const ink = (name) => style.getPropertyValue(`--${name}`).trim();
  const node = (tag, text, attributes = {}) => {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };

  // Plotly takes texts for its own markup.
  const plain = (text) => String(text).replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]).slice(0, 200);
  const seconds = (s) => (s === null || s === undefined ? "?" : s < 60 ? `${s.toFixed(s < 10 ? 2 : 1)} s` : s < 3600 ? `${Math.floor(s / 60)} min ${String(Math.floor(s % 60)).padStart(2, "0")} s` : `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`);

  function layout(more) {
    const axis = { gridcolor: ink("line"), zerolinecolor: ink("line"), linecolor: ink("line"), fixedrange: true };
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink("text"), family: "inherit", size: 12 },
      hoverlabel: { bgcolor: ink("panel"), bordercolor: ink("quiet"), font: { color: ink("text") }, align: "left" },
      hovermode: "closest", dragmode: "zoom", showlegend: false,
      ...more,
      xaxis: { ...axis, fixedrange: false, ...more.xaxis },
      yaxis: { ...axis, ...more.yaxis },
      ...(more.yaxis2 && { yaxis2: { ...axis, ...more.yaxis2 } }),
    };
  }

  // A chart that can be drawn again. `make` gives its traces and layout in the colours of now.
  function draw(element, make) {
    const config = { displayModeBar: false, responsive: true, doubleClick: "reset" };
    const again = () => {
      const { traces, layout } = make();
      const range = element.layout && !element.layout.xaxis.autorange && element.layout.xaxis.range;
      if (range) layout.xaxis.range = range;
      return Plotly.react(element, traces, layout, config);
    };
    drawn.push(again);
    return again();
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach((again) => again()));

  // Zooming without a mouse: buttons, and keys on the chart itself.
  const STEPS = {
    "Zoom in": (from, until) => [from + (until - from) / 4, until - (until - from) / 4],
    "Zoom out": (from, until) => [from - (until - from) / 2, until + (until - from) / 2],
    "Back": (from, until) => [from - (until - from) / 4, until - (until - from) / 4],
    "Forth": (from, until) => [from + (until - from) / 4, until + (until - from) / 4],
    "All": null,
  };
  const KEYS = { "+": "Zoom in", "=": "Zoom in", "-": "Zoom out", ArrowLeft: "Back", ArrowRight: "Forth", 0: "All" };

  function zoomable(tools, elements, name) {
    const first = elements[0];
    const go = (step) => {
      const now = first._fullLayout.xaxis;
      const wanted = STEPS[step] && STEPS[step](now.r2l(now.range[0]), now.r2l(now.range[1]));
      elements.forEach((one) => Plotly.relayout(one, wanted ? { "xaxis.range": wanted } : { "xaxis.range": [...one.whole] }));
    };
    for (const step of Object.keys(STEPS)) {
      const button = node("button", step, { type: "button", "aria-label": `${step}: ${name}` });
      button.addEventListener("click", () => go(step));
      tools.append(button);
    }
    elements.forEach((one) => {
      one.whole = [...one._fullLayout.xaxis.range];
      one.tabIndex = 0;
      one.addEventListener("keydown", (event) => {
        if (!KEYS[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
        event.preventDefault();
        go(KEYS[event.key]);
      });
      one.on("plotly_doubleclick", () => { go("All"); return false; });
    });
  }

  // Timelines

  // Bands of one colour are one filled shape with gaps: thousands of them are still one path to draw.
  function bands(rows, lane, name, colour, half) {
    const x = [], y = [], text = [], at = [];
    for (const [from, until, words, index] of rows) {
      x.push(from, from, (from + until) / 2, until, until, null);
      y.push(lane - half, lane + half, lane + half, lane + half, lane - half, null);
      text.push(words, words, words, words, words, "");
      at.push(index, index, index, index, index, null);
    }
    return { type: "scatter", mode: "none", fill: "toself", fillcolor: colour, name, x, y, text, customdata: at, hoveron: "points", hovertemplate: "%{text}<extra></extra>" };
  }

  function grouped(rows, key) {
    const groups = new Map();
    for (const row of rows) {
      if (!groups.has(key(row))) groups.set(key(row), []);
      groups.get(key(row)).push(row);
    }
    return groups;
  }

  function timeline(backend, data) {
    const byState = new Map(), byResult = new Map();
    const put = (map, key, row) => (map.has(key) ? map.get(key).push(row) : map.set(key, [row]));
    for (const [state, from, until, reason] of backend.bands) put(byState, state, [from, until, `<b>${plain(state)}</b> ${seconds((until - from) / 1000)}<br>${plain(reason)}`]);
    data.runs.forEach((run, index) => {
      if (run.backend !== backend.name) return;
      for (const one of run.attempts) {
        const words = `<b>${plain(run.run)}</b> attempt ${one.number}: ${plain(one.result)}<br>${seconds(one.ran_s)}${one.reason ? `<br>${plain(one.reason)}` : ""}`;
        put(byResult, one.result, [one.from, one.until || data.until, words, index]);
      }
    });
    const known = backend.looks.filter(([, used]) => used !== null);
    const make = () => {
      const traces = [
        ...[...byState].map(([state, rows]) => bands(rows, LANES.state, state, ink(`state-${state}`), 0.28)),
        ...[...byResult].map(([result, rows]) => bands(rows, LANES.attempts, result, ink(`result-${result}`), 0.2)),
        {
          type: "scatter", mode: "markers", name: "restarts",
          x: backend.restarts.map(([at]) => at), y: backend.restarts.map(() => LANES.restarts),
          text: backend.restarts.map(([, event, reason]) => `<b>${event === "recover" ? "restart" : plain(event)}</b><br>${plain(reason)}`),
          hovertemplate: "%{text}<extra></extra>",
          marker: { size: 11, symbol: backend.restarts.map(([, event]) => (event === "recover" ? "x" : "triangle-up")), color: backend.restarts.map(([, event]) => ink(event === "recover" ? "state-unhealthy" : "state-busy")) },
        },
      ];
      if (known.length) {
        const look = (name, index, line) => ({
          type: "scatter", mode: "lines", name, yaxis: "y2", x: known.map(([at]) => at), y: known.map((one) => (one[index] === null ? null : one[index] / GIB)), line,
          text: known.map(([, , , health, reason]) => plain(`${health}: ${reason}`)), hovertemplate: `${name} %{y:.2f} GiB<br>%{text}<extra></extra>`,
        });
        traces.push({ ...look("in use", 1, { color: ink("state-busy"), width: 1.5, shape: "hv" }), mode: known.length < MANY ? "lines+markers" : "lines", marker: { size: 5 } });
        traces.push(look("baseline", 2, { color: ink("quiet"), width: 1.5, dash: "dash" }));
      }
      return {
        traces,
        layout: layout({
          height: known.length ? 250 : 140, margin: { l: 74, r: 12, t: 6, b: 36 }, hoverdistance: 30,
          xaxis: { type: "date", range: whole(data), anchor: known.length ? "y2" : "y" },
          yaxis: { range: [-0.6, 2.5], tickvals: Object.values(LANES), ticktext: Object.keys(LANES), domain: known.length ? [0.5, 1] : [0, 1], showgrid: false, zeroline: false },
          ...(known.length && { yaxis2: { domain: [0, 0.4], rangemode: "tozero", title: { text: "GPU GiB" }, nticks: 4 } }),
        }),
      };
    };
    return make;
  }

  const whole = (data) => {
    const margin = Math.max((data.until - data.from) * 0.01, 50);
    return [data.from - margin, data.until + margin];
  };

  function timelines(data, onRun) {
    const place = document.getElementById("timelines");
    const elements = data.backends.map((backend) => {
      const many = backend.restarts.length;
      const title = node("h3", `${backend.name}${many ? `, ${many} restart${many === 1 ? "" : "s"}` : ""}`);
      const element = node("div", "", { class: "plot", role: "group", "aria-label": `Timeline of ${backend.name}` });
      place.append(title, element);
      draw(element, timeline(backend, data));
      element.on("plotly_click", ({ points }) => {
        if (typeof points[0].customdata === "number") onRun(points[0].customdata);
      });
      return element;
    });
    if (!elements.length) return;
    zoomable(document.getElementById("timeline-tools"), elements, "timeline");
    let following = false; // the others follow the one that is zoomed
    elements.forEach((one) => one.on("plotly_relayout", (change) => {
      if (following || !("xaxis.range[0]" in change)) return;
      following = true;
      const range = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
      Promise.all(elements.filter((other) => other !== one).map((other) => Plotly.relayout(other, { "xaxis.range": range }))).finally(() => { following = false; });
    }));
    const key = document.getElementById("key");
    const seen = new Set([...data.backends.flatMap((one) => one.bands.map(([state]) => `state-${state}`)), ...data.runs.flatMap((run) => run.attempts.map((one) => `result-${one.result}`))]);
    [...seen].sort().forEach((name) => {
      const [kind, ...words] = name.split("-");
      const item = node("li", kind === "state" ? words.join("-") : `attempt ${words.join("-")}`);
      item.style.setProperty("--ink", `var(--${name})`);
      key.append(item);
    });
  }

  // Plots

  function plots(data) {
    const attempts = data.runs.flatMap((run) => run.attempts.map((one) => ({ ...one, name: run.run, backend: run.backend })));
    const backends = data.backends.map((one) => one.name);
    const box = (name, values, colour, scale = 1) => ({
      type: "box", orientation: "h", name, x: values.map(([, value]) => value * scale), y: values.map(([one]) => one.backend), text: values.map(([one]) => plain(one.name)),
      boxpoints: values.length < MANY ? "all" : "outliers", jitter: 0.4, pointpos: 0, marker: { color: ink(colour), size: 4 }, line: { width: 1.5 }, hovertemplate: "%{text}: %{x}<extra></extra>", hoveron: "points",
    });
    const known = (name) => attempts.filter((one) => one[name] !== null).map((one) => [one, one[name]]);
    const tall = (rows) => Math.max(150, 60 + rows * 34);
    const figure = (id, make) => {
      const element = document.getElementById(id);
      if (!element) return;
      element.setAttribute("role", "group");
      element.setAttribute("aria-labelledby", `${id}-title`);
      draw(element, make);
      zoomable(element.parentElement.querySelector(".tools"), [element], document.getElementById(`${id}-title`).textContent);
    };
    const margin = { l: 90, r: 12, t: 6, b: 40 };
    const rows = { categoryarray: backends, categoryorder: "array", autorange: "reversed", automargin: true };
    figure("duration", () => ({
      traces: [box("duration", known("ran_s"), "state-busy")],
      layout: layout({ height: tall(backends.length), margin, xaxis: { title: { text: "seconds" }, rangemode: "tozero" }, yaxis: rows }),
    }));
    figure("course", () => ({
      traces: [...grouped(known("ran_s"), ([one]) => one.result)].map(([result, values]) => ({
        type: "scatter", mode: "markers", name: result, x: values.map(([one]) => one.from), y: values.map(([, value]) => value),
        text: values.map(([one]) => `${plain(one.name)}: ${plain(result)}`), hovertemplate: "%{text}<br>%{y:.3f} s<extra></extra>",
        marker: { size: values.length < MANY ? 7 : 4, color: ink(`result-${result}`), symbol: result === "succeeded" ? "circle" : "x" },
      })),
      layout: layout({ height: 260, margin: { ...margin, l: 60 }, xaxis: { type: "date", range: whole(data) }, yaxis: { title: { text: "seconds" }, rangemode: "tozero" } }),
    }));
    figure("overhead", () => ({
      traces: [box("to its start", known("handed_over_s"), "state-busy", 1000), box("from its end", known("noticed_s"), "state-unhealthy", 1000)],
      layout: layout({ height: tall(backends.length * 2) + 30, margin: { ...margin, t: 30 }, boxmode: "group", showlegend: true, legend: { orientation: "h", y: 1, yanchor: "bottom" }, xaxis: { title: { text: "milliseconds" }, rangemode: "tozero" }, yaxis: rows }),
    }));
  }

  return { timelines, plots, seconds, node };
})();
