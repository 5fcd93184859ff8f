"""A bare picows server, the limit of what one process can do: every frame is answered at once, unread."""

import asyncio

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

ANSWER = b'[3,"1",{"transactionId":1}]'


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            transport.send(WSMsgType.TEXT, ANSWER)
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()


async def serve() -> None:
    def listener(_request: WSUpgradeRequest) -> WSListener:
        return Echo()

    server = await ws_create_server(listener, "127.0.0.1", 0, backlog=1024)
    print(f"gateway at {server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve())
