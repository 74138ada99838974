// The smallest renderer (no acks, no resume), from ipc.proto and PROTOCOL.md. Run: node client.mjs 127.0.0.1:PORT
import { credentials, loadPackageDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
// longs as strings: a number is exact up to 2^53 only, and a Long object is no key for a Map.
const options = { keepCase: true, longs: String, enums: String, arrays: true, objects: true, oneofs: true }
const proto = loadSync(`${import.meta.dirname}/../../../proto/electron_ipc/v1/ipc.proto`, options)
const { IpcService } = loadPackageDefinition(proto).electron_ipc.v1
function toValue(x) {
  if (x === null) return { null_value: true }
  if (typeof x === 'boolean') return { bool_value: x }
  if (typeof x === 'string') return { string_value: x.toWellFormed() }
  if (typeof x === 'bigint' || (Number.isSafeInteger(x) && !Object.is(x, -0))) return { int_value: String(x) }
  if (typeof x === 'number') return { double_value: x }
  if (x instanceof Uint8Array) return { bytes_value: x }
  if (Array.isArray(x)) return { container: 'CONTAINER_LIST', items: x.map(toValue) }
  if (x?.constructor !== Object) throw new TypeError(`this client cannot send ${String(x)}`)
  return { container: 'CONTAINER_OBJECT', keys: Object.keys(x), items: Object.values(x).map(toValue) }
}
function fromValue({ kind, container, keys, items, ...scalar }) {
  if (kind === 'int_value') return Number.isSafeInteger(+scalar[kind]) ? +scalar[kind] : BigInt(scalar[kind])
  if (container === 'CONTAINER_LIST') return items.map(fromValue)
  if (container === 'CONTAINER_OBJECT') return Object.fromEntries(keys.map((key, i) => [key, fromValue(items[i])]))
  if (scalar.ext || scalar[kind] === undefined) throw new TypeError(`this client cannot read ${scalar.ext ?? container}`)
  return kind === 'null_value' ? null : scalar[kind]
}
const stream = new IpcService(process.argv[2], credentials.createInsecure()).Stream()
let [sent, lastId, listeners, pending] = [0, 0, new Map(), new Map()]
const put = message => { stream.write({ messages: [message] }); sent += 1 }
async function ask(kind, channel, args) {
  const id = String(++lastId)
  put({ id, call: { kind, channel, args: args.map(toValue) } })
  const { value, failure } = await new Promise((resolve, reject) => pending.set(id, { resolve, reject }))
  if (value) return fromValue(value)
  const { reason = 'REMOTE_ERROR', name = '', message = '' } = failure ?? { reason: 'PROTOCOL' }
  throw Object.assign(new Error(`${channel}: ${reason} ${name} ${message}`), { reason })
}
const ipc = {
  on: (channel, listener) => listeners.set(channel, listener),
  send: (channel, ...args) => put({ event: { channel, args: args.map(toValue) } }),
  call: (channel, ...args) => ask('CALL_KIND_SEND_SYNC', channel, args),
  invoke: (channel, ...args) => ask('CALL_KIND_INVOKE', channel, args),
  close: () => stream.end({ goodbye: { reason: 'GOODBYE_REASON_CLOSED', last_sent: sent } }),
}
function take({ id, kind, event, reply }) {
  if (kind === 'event') listeners.get(event.channel ?? '')?.(...event.args.map(fromValue))
  else if (kind === 'reply') pending.get(id)?.resolve(reply) // an id that we do not know is ignored
  else if (id && kind !== 'cancel') put({ id, reply: { failure: { reason: 'UNIMPLEMENTED' } } }) // no handlers here
}
stream.on('data', ({ messages, goodbye }) => { // what comes after our own goodbye is not consumed
  if (!stream.writableEnded) messages.forEach(take)
  if (goodbye && !stream.writableEnded) ipc.close()
})
stream.on('error', console.error).on('status', () => pending.forEach(call => call.reject(new Error('the link ended'))))
stream.write({ hello: { client_name: 'interop-node' } })
const print = result => console.log(JSON.stringify(result))
const arrived = new Promise(resolve => ipc.on('asynchronous-reply', (...args) => resolve(print({ event: ['asynchronous-reply', ...args] }))))
ipc.send('asynchronous-message', 'ping')
print({ sync: await ipc.call('synchronous-message', 'ping') })
print({ invoke: await ipc.invoke('add', 2, 3) })
await arrived.then(ipc.close)
