// What moves the camera: turning, shifting, zooming, and views along an axis.

import { clamp } from "../scales.js";
import { directions, pixelsPerUnit } from "./camera.js";

/** Functions that move the camera of a store. `onProjection` hears when the projection changes. */
export function cameraMoves(store, { onProjection }) {
  const move = (change) => {
    store.hurry();
    store.set({ camera: { ...store.camera, ...change } });
  };

  const turn = (yaw, pitch) => {
    const { camera } = store;
    move({ yaw: ((camera.yaw + yaw + 540) % 360) - 180, pitch: clamp(camera.pitch + pitch, -90, 90) });
  };

  /** Move the picture by so many pixels. */
  const shift = (dx, dy) => {
    const { camera, size } = store;
    const { right, up } = directions(camera);
    const scale = pixelsPerUnit(camera, size.width, size.height);
    move({ target: camera.target.map((t, k) => clamp(t - (right[k] * dx - up[k] * dy) / scale, -3, 3)) });
  };

  const zoom = (factor) => move({ zoom: clamp(store.camera.zoom * factor, 0.2, 200) });

  /** Look along axis k, 1 to 3: the plane of the other two. */
  const lookAlong = (k) => {
    const [yaw, pitch] = [[0, 0], [-90, 0], [-90, 90]][k - 1];
    move({ yaw, pitch, target: [0, 0, 0] });
  };

  /** Back to the start; the projection stays, because it is a choice, not a position. */
  const reset = () => move({ ...store.get("_start_camera"), projection: store.camera.projection });

  const toggleProjection = () => {
    move({ projection: store.camera.projection === "perspective" ? "orthographic" : "perspective" });
    onProjection();
  };

  return { turn, shift, zoom, lookAlong, reset, toggleProjection };
}
