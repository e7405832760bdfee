package dev.zhulong.infer;

import dev.zhulong.infer.LanguageModel.KvCache;
import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;

/** A cache whose content can be kept elsewhere and put back, bit for bit. Not every engine's can. */
public interface StorableCache extends KvCache {
    /**
     * Says how the content lies and what computed it, on one line: bytes written under another layout mean something else. The model's weights are
     * not part of it.
     */
    String layout();

    /** Bytes that {@link #save} writes of {@code tokens}. */
    long bytes(int tokens);

    /** Writes what is held. */
    void save(WritableByteChannel to) throws IOException;

    /**
     * Fills the cache, which is empty, with what {@link #save} wrote of {@code tokens}. After an exception nothing but {@code truncate(0)} and
     * {@code close} may follow.
     */
    void load(int tokens, ReadableByteChannel from) throws IOException;
}
