package dev.zhulong.data.pack;

import java.util.List;

/** The inputs of an encoder that an epoch goes through. Row {@code n} of an epoch is the same whenever it is asked for. Safe for several threads. */
public interface EncoderRows {
    /** Rows of an epoch. */
    int size();

    /** Tokens of a row, in every epoch alike. */
    int length(int row);

    /** Whether every token has a label, and not the row as a whole. */
    boolean perToken();

    EncoderRow get(int row, long epoch);

    /** Rows that are the same in every epoch, with labels for each token or as many for each row. */
    static EncoderRows of(List<EncoderRow> rows, boolean perToken) {
        List<EncoderRow> all = List.copyOf(rows);
        for (int i = 0; i < all.size(); i++) {
            int wanted = perToken ? all.get(i).length() : all.getFirst().labels().length;
            if (all.get(i).labels().length != wanted || all.get(i).length() == 0) {
                throw new IllegalArgumentException("row " + i + " has " + all.get(i).labels().length + " labels and " + all.get(i).length()
                        + " tokens; expected " + wanted + " labels and 1 token or more");
            }
        }
        return new EncoderRows() {
            @Override
            public int size() {
                return all.size();
            }

            @Override
            public int length(int row) {
                return all.get(row).length();
            }

            @Override
            public boolean perToken() {
                return perToken;
            }

            @Override
            public EncoderRow get(int row, long epoch) {
                return all.get(row);
            }
        };
    }
}
