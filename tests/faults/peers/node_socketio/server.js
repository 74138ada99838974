// Node's Socket.IO: a server that sends numbered events, over all connections of a page.
//
// Behind the arguments of every server: `csr` for connection state recovery.

import { createServer } from "node:http";
import { obey, recorder, bursts, PAUSE_MS, sleep } from "./common.js";
import { Server } from "socket.io";

const [mode, life, file] = process.argv.slice(2);
const note = recorder(file);
const http = createServer();
const io = new Server(http, {
  transports: ["websocket"],
  pingInterval: 1000,
  pingTimeout: 1000,
  ...(mode !== "default" && { connectionStateRecovery: {} }),
});
const pages = new Map();

io.on("connection", (socket) => {
  const page = socket.handshake.auth.name;
  const known = pages.get(page);
  if (known) {
    known.socket = socket;
  } else {
    pages.set(page, { socket, n: 0 });
  }
  socket.on("event", (n, done) => {
    note("arrived", { page, session: life, stream: "up", n });
    done?.();
  });
});

async function send(count) {
  for (const [page, outbound] of pages) {
    for (const burst of bursts(count)) {
      for (let k = 0; k < burst; k += 1) {
        outbound.n += 1;
        note("sent", { page, session: life, stream: "down", n: outbound.n });
        // To the room of its own: with recovery it outlives the connection.
        io.to(outbound.socket.id).emit("event", outbound.n);
      }
      await sleep(PAUSE_MS);
    }
  }
}

http.listen(0, "127.0.0.1", () => {
  const address = `127.0.0.1:${http.address().port}`;
  console.log(JSON.stringify({ address }));
  obey({ send }).then(() => process.exit());
});
