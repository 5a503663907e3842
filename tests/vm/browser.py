"""Look at a camera the way a video call does: headless Chromium, getUserMedia, a canvas."""

import http.server
import json
import subprocess
import tempfile
import threading

import numpy as np

PAGE = """<!doctype html><title>camera</title><script>
const [count, wanted, width, height, patience] = ASKED;
const say = (path, body) => fetch(path, {method: 'POST', body});
const media = navigator.mediaDevices;
(async () => {
  try {
    const any = await media.getUserMedia({video: true});  // labels are told only after this
    any.getTracks().map(track => track.stop());
    const all = (await media.enumerateDevices()).filter(d => d.kind == 'videoinput');
    const labels = all.map(d => d.label), one = all.find(d => d.label.includes(wanted));
    if (!one) throw `no camera called ${wanted} among ${labels}`;
    const deviceId = {exact: one.deviceId};
    const stream = await media.getUserMedia({video: {deviceId, width, height}});
    const video = document.createElement('video');
    video.srcObject = stream; video.muted = true; await video.play();
    const canvas = document.createElement('canvas');
    const pen = canvas.getContext('2d', {willReadFrequently: true});
    let last = null;  // a camera shows a picture again while it has no other
    for (let n = 0, until = Date.now() + patience * 1000; n < count && Date.now() < until;) {
      await new Promise(done => video.requestVideoFrameCallback(done));
      [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
      pen.drawImage(video, 0, 0);
      const seen = pen.getImageData(0, 0, canvas.width, canvas.height).data;
      if (last && seen.every((value, at) => value == last[at])) continue;
      await say('/frame', last = seen);
      n++;
    }
    const [label, size] = [one.label, [video.videoWidth, video.videoHeight]];
    await say('/done', JSON.stringify({label, labels, width: size[0], height: size[1]}));
  } catch (error) { await say('/done', JSON.stringify({error: String(error)})); }
})();
</script>"""

FLAGS = """
    --headless=new --no-sandbox --use-fake-ui-for-media-stream --disable-gpu
    --disable-dev-shm-usage --no-first-run --disable-extensions --disable-background-networking
    --disable-component-update --disable-sync --autoplay-policy=no-user-gesture-required
"""


def look(label, count, width, height, patience=60):
    """Return what the page says of the camera, and its frames, uint8 [n, height, width, 3] RGB.

    No two in a row are equal; fewer than ``count`` come where it takes more than ``patience``
    seconds.
    """
    page = PAGE.replace("ASKED", json.dumps([count, label, width, height, patience]))
    said, frames, done = {}, [], threading.Event()

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/frame":
                frames.append(body)
            else:
                said.update(json.loads(body))
                done.set()
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = ["chromium", *FLAGS.split(), f"--user-data-dir={profile}"]
        chromium = subprocess.Popen(
            [*command, f"http://127.0.0.1:{server.server_port}/"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            done.wait(600 + patience)
        finally:
            chromium.terminate()
            chromium.wait(20)
            server.shutdown()
    if "width" not in said:
        raise SystemExit(f"Chromium: {said.get('error', 'no answer')}; frames: {len(frames)}")
    shape = (-1, said["height"], said["width"], 4)
    return said, np.frombuffer(b"".join(frames), np.uint8).reshape(shape)[..., :3]
