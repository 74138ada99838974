// What server and client have in common: history, pace, and obeying in lines of JSON.

import { openSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";

export const PAUSE_MS = 20;
const BURSTS = 20;

// All processes of a machine have this clock in common.
const seconds = () => Number(process.hrtime.bigint()) / 1e9;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export function recorder(file) {
  const opened = openSync(file, "a");
  return (did, what) =>
    writeSync(opened, `${JSON.stringify({ at: seconds(), did, ...what })}\n`);
}

export function* bursts(count) {
  const largest = Math.max(1, Math.floor((2 * count) / BURSTS));
  while (count > 0) {
    const size = Math.min(count, 1 + Math.floor(Math.random() * largest));
    count -= size;
    yield size;
  }
}

export async function obey(scenarios) {
  console.log("{}");
  for await (const line of createInterface({ input: process.stdin })) {
    const { scenario, count } = JSON.parse(line);
    await scenarios[scenario](count);
    console.log("{}");
  }
}
