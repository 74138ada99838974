// Node's Socket.IO: a client that measures when it is told to, in lines of JSON.

import { createInterface } from "node:readline";
import { io } from "socket.io-client";
import parser from "socket.io-msgpack-parser";

const TEXT = "x".repeat(100);
// Events that may be unanswered. It has no flow control: with fewer of them it is
// slower, and with many more.
const UNDER_WAY = 5000;

const url = `http://${process.argv[2]}`;
const socket = io(url, { transports: ["websocket"], parser });

function echo(count) {
  return new Promise((resolve) => {
    let sent = 0;
    let seen = 0;
    const send = () => {
      while (sent < count && sent - seen < UNDER_WAY) {
        socket.emit("echo", TEXT);
        sent += 1;
      }
    };
    socket.on("pong", () => {
      seen += 1;
      if (seen === count) {
        socket.off("pong");
        resolve({ count, start, end: seconds() });
      } else if (sent - seen <= UNDER_WAY / 2) {
        send();
      }
    });
    const start = seconds();
    send();
  });
}

function seconds() {
  return Number(process.hrtime.bigint()) / 1e9;
}

socket.once("connect", async () => {
  console.log("{}");
  for await (const line of createInterface({ input: process.stdin })) {
    const { count } = JSON.parse(line);
    console.log(JSON.stringify(await echo(count)));
  }
  process.exit();
});
