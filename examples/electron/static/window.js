const output = document.querySelector("output");
document.querySelector("input").addEventListener("change", async ({ target }) => {
  output.textContent = await window.label(await target.files[0].arrayBuffer());
});
