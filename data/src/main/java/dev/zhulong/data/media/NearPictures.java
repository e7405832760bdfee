package dev.zhulong.data.media;

import dev.zhulong.media.PerceptualHash;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * Finds pictures that look alike: whose perceptual hashes differ in few bits, and whose thumbnails in little, as hashes know nothing of colours. Of {@code n + 1} parts that a hash is cut into,
 * one is equal in two that differ in {@code n} bits, so that only those with an equal part are compared.
 *
 * @param <T> what is known of a picture
 */
public final class NearPictures<T> {
    /** Mean difference of two thumbnails' colours at most, of 255. */
    private static final double COLOURS = 12;

    private final int distance;
    private final List<Map<Long, List<Known<T>>>> parts = new ArrayList<>();

    private record Known<T>(MediaFile.Image picture, T value) {}

    /** @param distance bits of 64 that may differ */
    public NearPictures(int distance) {
        this.distance = distance;
        for (int i = 0; i <= distance; i++) {
            parts.add(new HashMap<>());
        }
    }

    /** Remembers a picture. */
    public void add(MediaFile.Image picture, T value) {
        for (int i = 0; i < parts.size(); i++) {
            parts.get(i).computeIfAbsent(part(picture.hash(), i), _ -> new ArrayList<>()).add(new Known<>(picture, value));
        }
    }

    /** Of those remembered, of which {@code suits} holds, the one with the nearest hash that looks like {@code picture}; null if there is none. */
    public T find(MediaFile.Image picture, Predicate<T> suits) {
        Known<T> best = null;
        for (int i = 0; i < parts.size(); i++) {
            for (Known<T> known : parts.get(i).getOrDefault(part(picture.hash(), i), List.of())) {
                int away = PerceptualHash.distance(known.picture().hash(), picture.hash());
                if (away <= distance && (best == null || away < PerceptualHash.distance(best.picture().hash(), picture.hash())) && suits.test(known.value())
                        && colours(known.picture().thumbnail(), picture.thumbnail()) <= COLOURS) {
                    best = known;
                }
            }
        }
        return best == null ? null : best.value();
    }

    private long part(long hash, int i) {
        int from = 64 * i / parts.size();
        int to = 64 * (i + 1) / parts.size();
        return to - from == 64 ? hash : hash >>> from & (1L << to - from) - 1;
    }

    private static double colours(byte[] a, byte[] b) {
        long sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += Math.abs((a[i] & 255) - (b[i] & 255));
        }
        return (double) sum / a.length;
    }
}
