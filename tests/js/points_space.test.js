// The view "Space" of the Points tab: a camera that is turned, and what it sees.
import assert from "node:assert/strict";
import { test } from "node:test";

import { farToNear, projected, shadeOf, turnedBy } from "../../tabs/static/points_space/cloud.js";

/** @param {number} a @param {number} b */
const near = (a, b) => assert.ok(Math.abs(a - b) < 1e-5, `${a} is not ${b}`);

test("a camera before the shape sees x to the right and y up, and what is near larger", () => {
  const seen = projected([0.5, 1, 0, 0.5, 1, 1], { azimuth: 0, elevation: 0 });
  near(seen[0], 0.5);
  near(seen[1], 1);
  near(seen[2], 0);
  assert.ok(seen[3] > 0.5 && seen[4] > 1 && seen[5] === 1);
});

test("turning by a quarter brings the right side to the front, and the top when it rises", () => {
  const side = projected([1, 0, 0], { azimuth: Math.PI / 2, elevation: 0 });
  near(side[0], 0);
  near(side[2], 1);
  const top = projected([0, 1, 0], { azimuth: 0, elevation: Math.PI / 2 });
  near(top[1], 0);
  near(top[2], 1);
});

test("a camera never goes over the top", () => {
  const camera = turnedBy({ azimuth: 0, elevation: 0 }, 0.5, 9);
  near(camera.azimuth, 0.5);
  assert.ok(camera.elevation < Math.PI / 2 && camera.elevation > 1.4);
  assert.ok(turnedBy(camera, 0, -99).elevation > -Math.PI / 2);
});

test("far points are drawn first and have the first shade", () => {
  const seen = new Float32Array([0, 0, 0.2, 0, 0, -1, 0, 0, 0.9]);
  assert.deepEqual([...farToNear(seen, 3)], [1, 0, 2]);
  assert.equal(shadeOf(-9, 1.5), 0);
  assert.equal(shadeOf(9, 1.5), 9);
  assert.ok(shadeOf(-0.5, 1.5) < shadeOf(0.5, 1.5));
});
