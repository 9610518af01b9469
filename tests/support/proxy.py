"A reverse proxy for tests: it strips a path's prefix and hands on HTTP and websockets, as nginx does."
import asyncio, sys
from http.client import responses
from urllib.parse import urlsplit

from tornado import httpclient, httpserver, netutil, web, websocket

HOP = {
    'connection',
    'keep-alive',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'content-length',
    'content-encoding',
    'accept-encoding',
}


class Plain(web.RequestHandler):
    SUPPORTED_METHODS = (*web.RequestHandler.SUPPORTED_METHODS, 'QUERY')

    def initialize(self, target, prefix):
        self.target, self.prefix = target, prefix

    def compute_etag(self): return None

    def behind(self):
        "The address behind the proxy, without the prefix"
        return self.target + (self.request.uri.removeprefix(self.prefix) or '/')

    def told(self):
        "What the client sent, and what a proxy adds to it"
        headers = self.request.headers.copy()
        for name in [n for n in headers if n.lower() in HOP or n.lower().startswith('sec-websocket')]:
            del headers[name]
        if self.settings['keep_host'] is False: headers['Host'] = urlsplit(self.target).netloc
        headers['X-Forwarded-For'] = self.request.remote_ip
        headers['X-Forwarded-Proto'] = self.request.protocol
        headers['X-Forwarded-Host'] = self.request.host
        headers['X-Forwarded-Prefix'] = self.prefix
        return headers

    async def hand_on(self, *_):
        if not (self.request.path + '/').startswith(self.prefix + '/'): raise web.HTTPError(404)

        def head(line):
            if line.startswith('HTTP/'):
                self.clear()
                for name in 'Server', 'Content-Type', 'Date': self.clear_header(name)
                code = int(line.split()[1])
                self.set_status(code, responses.get(code, 'Unknown'))
            elif name := line.partition(':')[0].strip():
                if name.lower() not in HOP - {'content-length'}:
                    self.add_header(name, line.partition(':')[2].strip())

        def piece(data):
            self._headers.pop('Content-Length', None)
            self.write(data)
            self.flush()

        asked = httpclient.HTTPRequest(
            self.behind(), self.request.method, self.told(), self.request.body or None, follow_redirects=False,
            allow_nonstandard_methods=True, decompress_response=False, request_timeout=300, header_callback=head,
            streaming_callback=piece
        )
        try:
            await httpclient.AsyncHTTPClient().fetch(asked, raise_error=False)
        except OSError:
            raise web.HTTPError(502)

    get = head = post = put = patch = delete = options = query = hand_on


class Socket(websocket.WebSocketHandler, Plain):
    back = None

    def check_origin(self, origin): return True

    def select_subprotocol(self, offered):
        self.offered = offered
        return offered[0] if offered else None

    async def get(self, *a):
        if self.request.headers.get('Upgrade', '').lower() != 'websocket': return await self.hand_on()
        offered = [p.strip() for p in self.request.headers.get('Sec-WebSocket-Protocol', '').split(',') if p.strip()]
        asked = httpclient.HTTPRequest('ws' + self.behind().removeprefix('http'), headers=self.told())
        try:
            self.back = await websocket.websocket_connect(
                asked, subprotocols=offered, max_message_size=100_000_000, on_message_callback=self.came
            )
        except httpclient.HTTPError as e:
            raise web.HTTPError(e.code)
        await super().get(*a)

    def came(self, message):
        if message is None:
            self.close()
        elif self.ws_connection: self.write_message(message, binary=isinstance(message, bytes))

    def on_message(self, message): self.back.write_message(message, binary=isinstance(message, bytes))

    def on_close(self):
        if self.back: self.back.close()


def app(target, prefix='', keep_host=True):
    return web.Application([('.*', Socket, dict(target=target, prefix=prefix))], keep_host=keep_host)


async def main(target, prefix='', keep_host='yes'):
    "Print the proxy's own address, and serve until it is stopped"
    sockets = netutil.bind_sockets(0, '127.0.0.1')
    httpserver.HTTPServer(app(target, prefix, keep_host == 'yes')).add_sockets(sockets)
    print(f'http://127.0.0.1:{sockets[0].getsockname()[1]}{prefix}/', flush=True)
    await asyncio.Event().wait()


if __name__ == '__main__': asyncio.run(main(*sys.argv[1:])) # python proxy.py http://127.0.0.1:8866 /shop [no]
