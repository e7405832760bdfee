package dev.zhulong.distribute;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.function.Consumer;
import javax.net.ssl.SSLContext;

/**
 * How ranks that torchrun has started meet: the first opens a {@link Rendezvous} and says where in the agent's store. Without a key of their own, ranks of one host take one
 * that the first has written where only the same user can read it.
 */
public final class AgentMeeting implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final Group group;
    /** Of the first rank; null of others. */
    private final Rendezvous rendezvous;
    /** That the first has written for the others; null for none. */
    private final Path secret;

    private AgentMeeting(Group group, Rendezvous rendezvous, Path secret) {
        this.group = group;
        this.rendezvous = rendezvous;
        this.secret = secret;
    }

    /**
     * Learns where to meet.
     *
     * @param key    null for none
     * @param bind   address of this machine to listen on; null for the one that the agent is reached from
     * @param encryption of all connections; null for none
     * @param notice is told of callers that were refused
     */
    public static AgentMeeting of(Launched launched, byte[] key, String bind, SSLContext encryption, Duration timeout, Consumer<String> notice) {
        if (key == null && !launched.oneHost()) {
            throw new IllegalArgumentException("ranks on several machines need a key that all of them have: give --key-file FILE");
        }
        InetSocketAddress agent = Addresses.of(launched.store());
        String name = "zhulong/" + launched.run() + "/" + launched.generation();
        try (var store = new AgentStore(agent.getHostString(), agent.getPort(), PATIENCE)) {
            String own = launched.oneHost() ? "127.0.0.1" : bind != null ? bind : Addresses.towards(agent);
            if (launched.rank() > 0) {
                String[] said = store.get(name).split(" ", 3);
                byte[] known = key != null ? key : read(Path.of(said[2]));
                return new AgentMeeting(new Group(launched.rank(), launched.size(), launched.generation(), said[0], Integer.parseInt(said[1]), own, known, timeout, null, 0, encryption), null, null);
            }
            byte[] known = key != null ? key : Rendezvous.newKey();
            Path secret = key != null ? null : write(known);
            Rendezvous rendezvous = Rendezvous.open(own, 0, launched.size(), launched.generation(), known, encryption, notice);
            store.set(name, own + " " + rendezvous.port() + " " + (secret == null ? "-" : secret));
            return new AgentMeeting(new Group(0, launched.size(), launched.generation(), own, rendezvous.port(), own, known, timeout, null, 0, encryption), rendezvous, secret);
        } catch (IOException | IndexOutOfBoundsException | NumberFormatException e) {
            throw new UncheckedIOException(new IOException("the ranks cannot meet by torchrun's store at " + launched.store() + ": " + e.getMessage(), e));
        }
    }

    private static Path write(byte[] key) throws IOException {
        Path file = Files.createTempFile("zhulong-key", "", PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.write(file, key);
        return file;
    }

    /** The store is open to all: a file that another user has written is not believed. */
    private static byte[] read(Path file) throws IOException {
        Path mine = Files.createTempFile("zhulong-owner", "");
        try {
            if (!Files.getOwner(file).equals(Files.getOwner(mine))) {
                throw new IOException(file + " belongs to somebody else");
            }
        } finally {
            Files.delete(mine);
        }
        return Files.readAllBytes(file);
    }

    public Group group() {
        return group;
    }

    @Override
    public void close() {
        try {
            if (secret != null) {
                Files.deleteIfExists(secret);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        if (rendezvous != null) {
            rendezvous.close();
        }
    }
}
