package dev.zhulong.cli;

import dev.zhulong.formats.FormatException;
import dev.zhulong.infer.ChatSession;
import dev.zhulong.infer.ChatTranscript;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;

/** The file a conversation is kept in, and beside it {@code FILE.kv} with its keys and values, which may be thrown away. */
final class ChatFile {
    private final Path file;
    private final Path cache;
    private final String model;
    private final Consumer<String> remark;
    private final Optional<ChatTranscript> former;

    private ChatFile(Path file, String model, Consumer<String> remark, Optional<ChatTranscript> former) {
        this.file = file;
        cache = file.resolveSibling(file.getFileName() + ".kv");
        this.model = model;
        this.remark = remark;
        this.former = former;
    }

    /**
     * Reads what there is.
     *
     * @param system what the user gave; null for none, then that of the file holds
     * @param seed   what the user gave; else the conversation's goes on
     * @param model  what tells it from every other
     * @param remark takes lines for the user
     * @throws RuntimeException where the file is damaged, belongs to another conversation, or could not be written later
     */
    static ChatFile open(Path file, String system, OptionalLong seed, String model, Consumer<String> remark) {
        Path directory = file.toAbsolutePath().getParent();
        if (!Files.isDirectory(directory) || !Files.isWritable(directory)) {
            throw new IllegalArgumentException("cannot keep --session " + file + ": " + directory + " is no directory that can be written to");
        }
        if (Files.isDirectory(file)) {
            throw new IllegalArgumentException("--session " + file + " is a directory: give the name of a file");
        }
        Outputs.requireRegular(file, "--session");
        Optional<ChatTranscript> former = Files.exists(file) ? Optional.of(ChatTranscript.read(file)) : Optional.empty();
        if (system != null && former.isPresent() && !former.get().system().equals(system)) {
            throw new FormatException(file, "this conversation began with --system " + FormatException.quote(former.get().system())
                    + ": leave out --system to continue it, or give another --session");
        }
        return new ChatFile(file, model, remark, seed.isEmpty() ? former : former.map(chat -> chat.withSeed(seed.getAsLong())));
    }

    /** The system prompt the conversation began with. */
    String system() {
        return former.map(ChatTranscript::system).orElse("");
    }

    /** Goes on where the conversation stopped, if there is one. */
    void restore(ChatSession session) {
        if (former.isEmpty() || former.get().turns().isEmpty()) {
            return;
        }
        session.restore(former.get());
        Optional<String> anew = session.restoreCache(cache, model);
        int turns = former.get().turns().size();
        remark.accept("[" + turns + (turns == 1 ? " turn" : " turns") + " restored from " + file
                + anew.map(why -> "; the conversation is read anew: " + why).orElse("") + "]");
    }

    /** After each answer. */
    void save(ChatSession session) {
        session.transcript().write(file);
    }

    /** As the conversation ends. Its words come first; without the keys and values it is read anew, no more. */
    void close(ChatSession session) {
        if (session.transcript().turns().isEmpty()) {
            return;
        }
        save(session);
        try {
            session.saveCache(cache, model);
        } catch (UncheckedIOException e) {
            remark.accept("[the conversation is saved, but will be read anew: " + e.getMessage() + "]");
        }
    }

    /** As the conversation begins anew. */
    void reset(ChatSession session) {
        try {
            Files.deleteIfExists(cache);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot delete " + cache + ": " + e.getMessage(), e);
        }
        save(session);
    }
}
