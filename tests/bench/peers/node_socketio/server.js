// Node's Socket.IO: a server that sends events back.
//
// WebSocket only, without compression, and with the parser that is quicker here.
// `bufferutil` makes no difference to messages of this size.

import { createServer } from "node:http";
import { Server } from "socket.io";
import parser from "socket.io-msgpack-parser";

const http = createServer();
const io = new Server(http, {
  transports: ["websocket"],
  perMessageDeflate: false,
  parser,
});

io.on("connection", (socket) => {
  socket.on("echo", (arg) => socket.emit("pong", arg));
});

http.listen(0, "127.0.0.1", () => {
  const address = `127.0.0.1:${http.address().port}`;
  console.log(JSON.stringify({ address, pid: process.pid }));
});
process.stdin.on("end", () => process.exit()).resume();
