// Where the parts of the map stand, and what all who draw them share.

const LEFT = 62;
const RIGHT = 18;
const BAND = 18;
const AXIS = 24;
const PROFILE = 104;
const FACE = '"Inter", system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif';

/** A canvas' context in pixels of CSS, empty. */
function prepared(canvas, { width, height }, ratio) {
  const [columns, rows] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== columns || canvas.height !== rows) [canvas.width, canvas.height] = [columns, rows];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.textBaseline = "middle";
  return context;
}

function line(context, x0, y0, x1, y1) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}
