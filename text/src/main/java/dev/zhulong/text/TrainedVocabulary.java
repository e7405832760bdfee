package dev.zhulong.text;

import java.util.List;

/** What {@link TokenizerJson} can write. */
public sealed interface TrainedVocabulary permits BpeVocabulary, CharacterVocabulary {
    /** Number of tokens, specials included; ids are dense. */
    int size();

    /** Control tokens. */
    List<String> specials();
}
