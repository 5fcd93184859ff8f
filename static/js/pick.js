// A click on the outline map fills latitude and longitude of the form; without it they are typed.
"use strict";
document.querySelectorAll("svg[data-west]").forEach((map) => {
  map.addEventListener("click", (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(map.getScreenCTM().inverse());
    const { west, north, perX, perY } = map.dataset;
    const latitude = document.getElementById("latitude");
    latitude.value = (Number(north) - at.y * Number(perY)).toFixed(6);
    document.getElementById("longitude").value = (Number(west) + at.x * Number(perX)).toFixed(6);
    map.querySelector(".picked").setAttribute("cx", at.x);
    map.querySelector(".picked").setAttribute("cy", at.y);
    document.getElementById("name").focus();
  });
});
