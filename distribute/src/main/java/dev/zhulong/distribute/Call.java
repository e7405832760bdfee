package dev.zhulong.distribute;

import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;

/**
 * What a collective is about: ranks that meet in it must mean the same. Two that differ stop both, where otherwise unrelated numbers would be added.
 *
 * @param step of the training, from 1; 0 before it
 * @param name of what is exchanged, such as a bucket of gradients
 */
public record Call(long step, String name) {
    int nameHash() {
        var crc = new CRC32C();
        crc.update(name.getBytes(StandardCharsets.UTF_8));
        return (int) crc.getValue();
    }

    @Override
    public String toString() {
        return name + " of step " + step;
    }
}
