package dev.zhulong.distribute;

import dev.zhulong.distribute.Handshake.Purpose;
import dev.zhulong.distribute.WorkQueue.Task;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.StandardSocketOptions;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Optional;

/** A worker's side of a {@link WorkServer}. Any call throws {@link RankFailure} where the server is gone. */
public final class WorkClient implements AutoCloseable {
    private final Group group;
    private final String server;
    private final WorkWire wire;
    private long barriers;
    private long sent;

    private WorkClient(Group group, String server, WorkWire wire) {
        this.group = group;
        this.server = server;
        this.wire = wire;
    }

    /** Meets the others, and calls the first of them. */
    public static WorkClient join(Group group) {
        try (var listener = ServerSocketChannel.open()) {
            Meeting.bind(listener, group);
            Meeting met = Meeting.of(group, listener);
            SocketChannel channel = Meeting.dial(met.hosts()[0], met.ports()[0]);
            Handshake.call(channel, group.key(), Meeting.hello(group, Purpose.WORK, 0));
            channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
            return new WorkClient(group, "rank 0 on " + met.hosts()[0], new WorkWire(Wire.called(channel, group.encryption())));
        } catch (IOException e) {
            throw Meeting.failed(group, e);
        }
    }

    public int rank() {
        return group.rank();
    }

    private RankFailure lost(IOException why) {
        return new RankFailure(0, server + ", which serves the weights, is gone (" + why.getMessage() + ")");
    }

    /** Returns once the server has come to as many of its own. */
    public void barrier() {
        try {
            wire.write(WorkWire.Request.BARRIER, ++barriers);
            wire.flush();
            wire.readAnswer();
        } catch (IOException e) {
            throw lost(e);
        }
    }

    /**
     * Says what it means to compute.
     *
     * @param weights  bytes of them
     * @param gradient bytes of one
     * @return whether the server means the same
     */
    public boolean hello(long fingerprint, long weights, long gradient) {
        try {
            wire.write(WorkWire.Request.HELLO, fingerprint, weights, gradient);
            wire.flush();
            return wire.readAnswer();
        } catch (IOException e) {
            throw lost(e);
        }
    }

    /**
     * Asks for a batch, and waits for it.
     *
     * @param has     version of the weights that are there; −1 for none
     * @param weights where newer ones go
     * @return its number, and the version of the weights that are there then; empty where there is nothing more to do
     */
    public Optional<Task> next(long has, MemorySegment weights) {
        try {
            wire.write(WorkWire.Request.NEXT, has);
            wire.flush();
            if (!wire.readAnswer()) {
                return Optional.empty();
            }
            var task = new Task(wire.readLong(), wire.readLong());
            if (wire.readLong() == 1) {
                wire.read(weights);
            }
            return Optional.of(task);
        } catch (IOException e) {
            throw lost(e);
        }
    }

    /** Hands over a gradient; returns whether it was of use. */
    public boolean push(Task task, WorkServer.Gradient gradient) {
        try {
            wire.write(WorkWire.Request.PUSH, task.number(), task.version(), Double.doubleToRawLongBits(gradient.loss()), gradient.count(), gradient.bytes(), gradient.tokens());
            wire.write(gradient.values());
            sent += gradient.values().byteSize();
            return wire.readAnswer();
        } catch (IOException e) {
            throw lost(e);
        }
    }

    /** Bytes of gradients that were sent. */
    public long sentBytes() {
        return sent;
    }

    @Override
    public void close() {
        wire.close();
    }
}
