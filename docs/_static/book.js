// What the theme leaves out for those who read by keyboard or by ear.
addEventListener("load", async () => {
  for (const caption of document.querySelectorAll("p.caption[role=heading]")) {
    caption.setAttribute("aria-level", "2");
  }
  const drawers = { ".sidebar-drawer": "Contents", ".toc-drawer": "On this page" };
  for (const [place, name] of Object.entries(drawers)) {
    document.querySelector(place)?.setAttribute("aria-label", name);
  }
  await window.MathJax?.startup?.promise;
  const wide = "pre, mjx-container, .table-wrapper, .cell_output > *, .sidebar-scroll, .toc-scroll";
  const reach = () => {
    for (const each of document.querySelectorAll(wide)) {
      const scrolls = each.scrollWidth > each.clientWidth || each.scrollHeight > each.clientHeight;
      if (scrolls) each.tabIndex = 0;
    }
  };
  reach();
  addEventListener("resize", reach);
});
