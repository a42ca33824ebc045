// The calls of actionhero-client 8.0.1 as they were recorded, for the package is not on npm.
//
// Each call is two lines, the second 1 ms after the first, one call at a time. An answer is found
// by its messageId. The stream is split at \r\n, and what follows the last one is dropped.
'use strict'
const crypto = require('crypto')
const { EventEmitter } = require('events')
const net = require('net')
const tls = require('tls')
const util = require('util')

const sleep = util.promisify(setTimeout)

class RecordedClient extends EventEmitter {
  constructor () {
    super()
    this.answers = {}
    this.stream = ''
    this.last = Promise.resolve()
  }

  async connect (params) {
    this.timeout = params.timeout
    const module = params.secure ? tls : net
    this.connection = module.connect(params.port, params.host)
    this.connection.setEncoding('utf8')
    this.connection.on('data', chunk => this.received(chunk))
    this.connection.on('error', error => this.emit('error', error))
    this.connection.on('end', () => this.emit('end'))
    await new Promise(resolve => this.connection.on('connect', resolve))
    this.id = (await this.detailsView()).data.id
  }

  received (chunk) {
    this.emit('rawData', chunk)
    this.stream += chunk
    if (!this.stream.includes('\r\n')) return
    const lines = this.stream.split('\r\n')
    this.stream = ''
    for (const line of lines) if (line) this.handle(line)
  }

  handle (text) {
    let line
    try {
      line = JSON.parse(text)
    } catch (error) {
      return this.emit('error', error)
    }
    if (line.context === 'api' && line.welcome) this.emit('welcome', line.welcome)
    if (line.context === 'user') this.emit('say', { message: line.message, from: line.from })
    if (line.context === 'response' && this.answers[line.messageId]) this.answers[line.messageId](line)
  }

  ask (text) {
    const answered = this.last.then(() => this.askNow(text))
    this.last = answered.catch(() => {})
    return answered
  }

  async askNow (text) {
    const id = crypto.randomUUID()
    const line = await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`Timeout reached (${text})`)), this.timeout)
      this.answers[id] = line => { clearTimeout(timer); resolve(line) }
      this.connection.write(`paramAdd messageId=${id}\r\n`)
      sleep(1).then(() => this.connection.write(`${text}\r\n`))
    })
    delete this.answers[id]
    const failed = line.error || (line.status && line.status !== 'OK' ? line.status : null)
    return { error: failed ? new Error(failed) : null, data: line }
  }

  async detailsView () { return (await this.ask('detailsView')).data }
  paramAdd (key, value) { return this.ask(`paramAdd ${key}=${value}`) }
  paramView (key) { return this.ask(`paramView ${key}`) }
  paramDelete (key) { return this.ask(`paramDelete ${key}`) }
  paramsView () { return this.ask('paramsView') }
  paramsDelete () { return this.ask('paramsDelete') }
  roomAdd (room) { return this.ask(`roomAdd ${room}`) }
  roomLeave (room) { return this.ask(`roomLeave ${room}`) }
  roomView (room) { return this.ask(`roomView ${room}`) }
  say (room, message) { return this.ask(`say ${room} ${message}`) }
  action (action) { return this.ask(action) }
  actionWithParams (action, params) { return this.ask(JSON.stringify({ action, params })) }
  async disconnect () { this.connection.write('exit\r\n') }
}

module.exports = RecordedClient
