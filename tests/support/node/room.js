// Speaks in the room `hall`, once all members are there, and waits to hear all that is said.
//
// Usage: node room.js GENERATION PORT SECURE NAME MEMBERS MESSAGES
// It prints "ready" when it sees so many members, speaks when it is sent a line, and prints what
// it has heard when that is so many messages.
'use strict'
const { connected, disconnected, until } = require('./clients.js')
const [generation, port, secure, name, members, messages] = process.argv.slice(2)

async function main () {
  const one = await connected(generation, port, secure)
  await one.call('roomAdd', 'hall')
  let count = 0
  while (count !== Number(members)) count = (await one.call('roomView', 'hall')).data.data.membersCount
  console.log('ready')
  await new Promise(resolve => process.stdin.once('data', resolve))
  await one.call('say', 'hall', `${name} speaks`)
  await until(() => one.seen.say.length >= Number(messages), `${messages} messages`)
  console.log(JSON.stringify(one.seen.say.map(each => each.message).sort()))
  await disconnected(one, generation)
  process.exit(0)
}

main().catch(error => { console.error(error); process.exit(1) })
