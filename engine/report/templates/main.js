"use strict";
{
  const data = JSON.parse(document.getElementById("data").textContent);
  const show = runs.list(data);
  charts.timelines(data, show);
  charts.plots(data);
  document.documentElement.dataset.drawn = "yes";
}
