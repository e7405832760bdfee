package dev.zhulong.train;

import java.nio.IntBuffer;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A teacher that is asked once for each text: later epochs, and evaluations, have the vectors of the first, in the same bits. */
public final class KeptVectors implements VectorTeacher {
    /** Bytes of an array or an entry of the map, besides what is in it; about. */
    private static final long OVERHEAD = 200;

    private final VectorTeacher teacher;
    private final Map<Key, float[]> known = new HashMap<>();
    private long room;

    private record Key(IntBuffer ids, IntBuffer types, int prompt) {
        Key(Text text) {
            this(IntBuffer.wrap(text.ids()), IntBuffer.wrap(text.types()), text.prompt());
        }

        long bytes(float[] vector) {
            return OVERHEAD + Integer.BYTES * (long) (ids.remaining() + types.remaining()) + Float.BYTES * (long) vector.length;
        }
    }

    /** @param bytes that what is kept takes at most, about; once they are used, the teacher is asked for other texts each time */
    public KeptVectors(VectorTeacher teacher, long bytes) {
        this.teacher = teacher;
        room = bytes;
    }

    @Override
    public List<float[]> of(List<Text> texts) {
        Map<Key, Text> missing = new LinkedHashMap<>();
        for (Text text : texts) {
            var key = new Key(text);
            if (!known.containsKey(key)) {
                missing.put(key, text);
            }
        }
        Map<Key, float[]> asked = new LinkedHashMap<>();
        if (!missing.isEmpty()) {
            List<float[]> vectors = teacher.of(List.copyOf(missing.values()));
            missing.keySet().forEach(key -> asked.put(key, vectors.get(asked.size())));
        }
        asked.forEach(this::keep);
        return texts.stream().map(Key::new).map(key -> asked.getOrDefault(key, known.get(key))).toList();
    }

    private void keep(Key key, float[] vector) {
        long bytes = key.bytes(vector);
        if (bytes <= room) {
            room -= bytes;
            known.put(key, vector);
        }
    }
}
