// A server to compare with: node's net, with a pipe from each connection to itself.
//
//   build: nothing to build
//   run:   node node.js PORT

const net = require('net');

const BACKLOG = 4096;

// The pipe stops reading from a peer that does not read. At end of file it ends the stream, which sends the rest, then
// the FIN.
const server = net.createServer({ noDelay: true }, peer => {
  peer.on('error', () => peer.destroy());  // an error ends this connection and nothing else
  peer.pipe(peer);
});

server.listen(Number(process.argv[2]), '127.0.0.1', BACKLOG, () => {
  const { address, port } = server.address();
  console.log(`listening on ${address}:${port}`);
});
