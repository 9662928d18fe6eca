// A server to compare with: Netty, with one event loop thread.
//
//   build: NETTY=$(echo /usr/share/java/netty-{buffer,common,resolver,transport}.jar | tr ' ' :)
//          javac -cp "$NETTY" -d . Netty.java
//   run:   java -cp "$NETTY:." Netty PORT
//
// The jars are those of Debian's libnetty-java. It has no native transport; java.nio also uses epoll.

import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandler.Sharable;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import java.net.InetSocketAddress;

public final class Netty {
    private static final int BACKLOG = 4096;

    /** Bytes per read, as in all of these servers. */
    private static final int BUFFER = 64 * 1024;

    @Sharable
    private static final class Echo extends ChannelInboundHandlerAdapter {
        /** The channel sends what the kernel takes when it is flushed, and keeps the rest. */
        @Override
        public void channelRead(ChannelHandlerContext peer, Object bytes) {
            peer.write(bytes, peer.voidPromise());
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext peer) {
            peer.flush();
        }

        /** A peer that does not read is not read from. */
        @Override
        public void channelWritabilityChanged(ChannelHandlerContext peer) {
            peer.channel().config().setAutoRead(peer.channel().isWritable());
        }

        /** End of file: closing when all is sent sends the FIN after it. */
        @Override
        public void userEventTriggered(ChannelHandlerContext peer, Object event) {
            if (event instanceof ChannelInputShutdownEvent) {
                peer.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(ChannelFutureListener.CLOSE);
            }
        }

        /** An error ends this connection and nothing else. */
        @Override
        public void exceptionCaught(ChannelHandlerContext peer, Throwable error) {
            peer.close();
        }
    }

    public static void main(String[] words) throws InterruptedException {
        Echo echo = new Echo();
        NioEventLoopGroup loop = new NioEventLoopGroup(1);
        ServerBootstrap server = new ServerBootstrap()
            .group(loop)
            .channel(NioServerSocketChannel.class)
            .option(ChannelOption.SO_BACKLOG, BACKLOG)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
            .childOption(ChannelOption.RCVBUF_ALLOCATOR, new FixedRecvByteBufAllocator(BUFFER))
            .childHandler(new ChannelInitializer<SocketChannel>() {
                @Override
                protected void initChannel(SocketChannel peer) {
                    peer.pipeline().addLast(echo);
                }
            });
        InetSocketAddress address = new InetSocketAddress("127.0.0.1", Integer.parseInt(words[0]));
        Channel channel = server.bind(address).sync().channel();
        InetSocketAddress bound = (InetSocketAddress) channel.localAddress();
        System.out.println("listening on 127.0.0.1:" + bound.getPort());
        channel.closeFuture().sync();
    }
}
