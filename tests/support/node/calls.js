// Makes every call that a client has, and checks each result.
//
// Usage: node calls.js GENERATION PORT SECURE
'use strict'
const assert = require('assert')
const { connected, disconnected, until } = require('./clients.js')
const [generation, port, secure] = process.argv.slice(2)

async function params (call) {
  // The client of 8 makes its message ids sticky.
  const shown = async () => {
    const { messageId, ...rest } = (await call('paramsView')).data.data
    assert.strictEqual(generation === '8', messageId !== undefined)
    return rest
  }
  assert.strictEqual((await call('paramAdd', 'key', 'v')).data.status, 'OK')
  assert.strictEqual((await call('paramView', 'key')).data.data, 'v')
  assert.deepStrictEqual(await shown(), { key: 'v' })
  assert.strictEqual((await call('paramDelete', 'key')).data.status, 'OK')
  assert.deepStrictEqual(await shown(), {})
  await call('paramAdd', 'key', 'again')
  assert.strictEqual((await call('paramsDelete')).data.status, 'OK')
  assert.deepStrictEqual(await shown(), {})
}

async function rooms (call, id, other) {
  assert.strictEqual((await call('roomAdd', 'hall')).data.data, true)
  assert.match((await call('roomAdd', 'hall')).error.message, /already in this room \(hall\)/)
  assert.match((await call('roomAdd', 'nowhere')).error.message, /room does not exist/)
  assert.strictEqual((await other.call('roomAdd', 'hall')).data.data, true)
  const view = (await call('roomView', 'hall')).data.data
  assert.strictEqual(view.room, 'hall')
  assert.strictEqual(view.membersCount, 2)
  assert.ok(view.members[id].joinedAt > 0)
  assert.match((await call('roomView', 'nope')).error.message, /not in this room \(nope\)|not member of room nope/)
  assert.strictEqual((await call('say', 'hall', 'hello world')).data.status, 'OK')
  await until(() => other.seen.say.length, 'a message')
  assert.strictEqual(other.seen.say[0].message, 'hello world')
  assert.strictEqual(other.seen.say[0].from, id)
  assert.strictEqual((await call('roomLeave', 'hall')).data.data, true)
  assert.match((await call('say', 'hall', 'hello?')).error.message, /not in this room \(hall\)/)
  assert.match((await call('roomLeave', 'hall')).error.message, /not in this room \(hall\)/)
  assert.strictEqual(other.seen.say.length, 1)
}

async function actions (call) {
  assert.ok((await call('action', 'randomNumber')).data.randomNumber >= 0)
  const saved = await call('actionWithParams', 'cacheTest', { key: 'mykey', value: 'my value ☃' })
  assert.strictEqual(saved.error, null)
  assert.strictEqual(saved.data.cacheTestResults.saveResp, true)
  assert.strictEqual(saved.data.cacheTestResults.loadResp.value, 'my value ☃')
  assert.strictEqual(saved.data.cacheTestResults.deleteResp, true)
  assert.ok((await call('action', 'status')).data.uptime > 0)
  const created = (await call('actionWithParams', 'createChatRoom', { name: `room${generation}` })).data
  assert.deepStrictEqual([created.name, created.didCreate], [`room${generation}`, true])
  assert.match((await call('actionWithParams', 'cacheTest', {})).error.message, /is a required parameter/)
  assert.match((await call('action', 'noSuchAction')).error.message, /unknown action/)
  const five = [1, 2, 3, 4, 5].map(() => call('actionWithParams', 'sleepTest', { sleepDuration: 300 }))
  if (generation !== '8') {
    // The client of 8 makes one call at a time.
    const sixth = await call('actionWithParams', 'sleepTest', { sleepDuration: 300 })
    assert.strictEqual(sixth.error.message, 'you have too many pending requests')
  }
  for (const each of await Promise.all(five)) assert.ok(each.data.sleepDelta >= 300)
  if (generation !== '8') {
    const { data } = (await call('documentation')).data
    assert.ok(data.cacheTest)
  }
}

async function file (call, client, seen) {
  // Its content is raw, which no client can use but as raw data; it counts as a message.
  Promise.resolve(client.file('hello.txt', () => {})).catch(() => {})
  await until(() => seen.raw.includes('Hello, I am\nhello.txt.\r\n'), 'a file')
  const details = (await call('detailsView')).data
  assert.strictEqual(details.data.id, client.id)
}

async function main () {
  const one = await connected(generation, port, secure)
  const other = await connected(generation, port, secure)
  const details = (await one.call('detailsView')).data
  assert.ok(details.data.id)
  assert.strictEqual(details.data.totalActions, 0)
  assert.strictEqual(details.data.pendingActions, 0)
  assert.deepStrictEqual(details.data.rooms, [])
  assert.strictEqual(one.seen.welcome.length, 1)
  await params(one.call)
  await rooms(one.call, details.data.id, other)
  await actions(one.call)
  assert.deepStrictEqual(one.seen.errors, [])
  // The client of 8 waits for an answer to it, in vain.
  if (generation !== '8') await file(one.call, one.client, one.seen)
  await disconnected(one, generation)
  await disconnected(other, generation)
  console.log('all calls passed')
  process.exit(0)
}

main().catch(error => { console.error(error); process.exit(1) })
