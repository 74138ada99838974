// Node's Socket.IO: a client that sends numbered events.
//
// In front of the arguments of every client: `retries` for its at-least-once delivery.

import { obey, recorder, bursts, PAUSE_MS, sleep } from "./common.js";
import { io } from "socket.io-client";

const [mode, address, page, file] = process.argv.slice(2);
const note = recorder(file);
const socket = io(`http://${address}`, {
  transports: ["websocket"],
  auth: { name: page },
  reconnectionDelay: 100,
  reconnectionDelayMax: 1000,
  ...(mode === "retries" && { retries: 1000, ackTimeout: 2000 }),
});
let sent = 0;

socket.on("event", (n) => {
  note("arrived", { page, session: "main 1", stream: "down", n });
});

async function send(count) {
  for (const burst of bursts(count)) {
    for (let k = 0; k < burst; k += 1) {
      sent += 1;
      note("sent", { page, stream: "up", n: sent });
      socket.emit("event", sent);
    }
    await sleep(PAUSE_MS);
  }
}

socket.once("connect", () => obey({ send }).then(() => process.exit()));
