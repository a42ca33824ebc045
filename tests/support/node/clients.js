// One interface for the three generations of Node clients: each call resolves to {error, data}.
'use strict'
const util = require('util')

const MODULES = { 4: 'actionhero-client-4', 6: 'actionhero-client-6', 8: './recorded_client_8.js' }

// A call of these may take longer on a busy machine than the 5 seconds of their defaults.
const TIMEOUT = 60000

function callable (client, generation) {
  if (generation !== '4') {
    return async (name, ...words) => {
      const answer = await client[name](...words)
      // This one gives the line itself.
      return name === 'detailsView' ? { error: null, data: answer } : answer
    }
  }
  return (name, ...words) => new Promise(resolve => {
    client[name](...words, (error, data) => resolve({ error, data }))
  })
}

async function connected (generation, port, secure) {
  const Client = require(MODULES[generation])
  const client = new Client()
  const seen = { welcome: [], say: [], errors: [], raw: '', ended: false }
  client.on('welcome', text => seen.welcome.push(text))
  client.on('say', message => seen.say.push(message))
  client.on('error', error => seen.errors.push(error))
  client.on('rawData', chunk => { seen.raw += chunk })
  client.on('end', () => { seen.ended = true })
  const params = { host: 'localhost', port: Number(port), secure: secure === 'true', timeout: TIMEOUT }
  if (generation === '4') await util.promisify(client.connect.bind(client))(params)
  else await client.connect(params)
  return { client, call: callable(client, generation), seen }
}

async function disconnected ({ client, seen }, generation) {
  if (generation === '4') client.disconnect()
  else await client.disconnect()
  await until(() => seen.ended, 'the end of the connection')
}

async function until (condition, what) {
  const end = Date.now() + TIMEOUT
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`)
    await util.promisify(setTimeout)(5)
  }
}

module.exports = { connected, disconnected, until }
