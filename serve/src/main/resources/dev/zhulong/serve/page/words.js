/** What the page says, in the languages it speaks. */
export const WORDS = {
  en: {
    send: 'Send', stop: 'Stop', again: 'Regenerate', clear: 'New conversation', ask: 'Write a message …', settings: 'Settings', system: 'System prompt',
    model: 'Model', precision: 'Precision', temperature: 'Temperature', topP: 'Top p', most: 'Maximum tokens', seed: 'Seed', key: 'API key', chances: 'Token probabilities',
    theme: 'Light or dark', language: '中文', user: 'You', assistant: 'Model', speed: 'tokens/s', cached: 'cached', cut: 'cut off: token limit reached',
    filtered: 'blocked by a rule', failed: 'Error: ', random: 'random', auto: 'auto', low: 'low (fast)', high: 'high (exact)',
  },
  zh: {
    send: '发送', stop: '停止', again: '重新生成', clear: '新对话', ask: '输入消息……', settings: '设置', system: '系统提示词',
    model: '模型', precision: '精度', temperature: '温度', topP: 'Top p', most: '最大词元数', seed: '随机种子', key: 'API 密钥', chances: '词元概率',
    theme: '浅色或深色', language: 'English', user: '你', assistant: '模型', speed: '词元/秒', cached: '已缓存', cut: '已截断：达到词元上限',
    filtered: '内容被规则拦截', failed: '出错了：', random: '随机', auto: '自动', low: '低（快）', high: '高（精确）',
  },
};
