import { RadioCardsField } from '../../ui/fields/radio-cards-field.tsx';
import type { Answers } from './choose-method.ts';
import { CERTIFICATE_OPTIONS, PLACE_OPTIONS } from './labels.ts';

interface QuestionsProps {
  readonly answers: Answers;
  readonly onChange: (changes: Partial<Answers>) => void;
}

/** The five questions that choose how a machine authenticates. */
export function Questions({ answers, onChange }: QuestionsProps) {
  return (
    <>
      <RadioCardsField
        name="/answers/place"
        label="1. Who runs the machine, and where?"
        value={answers.place}
        options={PLACE_OPTIONS}
        onChange={(place) => onChange({ place })}
      />
      <YesOrNo
        name="/answers/keepsKey"
        label="2. Can it keep a private key?"
        yes="A file or a key store that only this machine can read, and a library that signs assertions."
        value={answers.keepsKey}
        onChange={(keepsKey) => onChange({ keepsKey })}
      />
      <RadioCardsField
        name="/answers/certificate"
        label="3. Does it have a client certificate?"
        value={answers.certificate}
        options={CERTIFICATE_OPTIONS}
        onChange={(certificate) => onChange({ certificate })}
      />
      <YesOrNo
        name="/answers/needsForm"
        label="4. Does an old library need client_secret_post?"
        yes="It sends the secret in the form and can do nothing else."
        value={answers.needsForm}
        onChange={(needsForm) => onChange({ needsForm })}
      />
      <YesOrNo
        name="/answers/isBound"
        label="5. Must a stolen token be useless?"
        yes="Each token works only together with a key or certificate. Your APIs must check that."
        value={answers.isBound}
        onChange={(isBound) => onChange({ isBound })}
      />
    </>
  );
}

interface YesOrNoProps {
  readonly name: string;
  readonly label: string;
  /** What a yes means. */
  readonly yes: string;
  readonly value: boolean;
  readonly onChange: (value: boolean) => void;
}

function YesOrNo({ name, label, yes, value, onChange }: YesOrNoProps) {
  return (
    <RadioCardsField
      name={name}
      label={label}
      value={value ? 'yes' : 'no'}
      options={[
        { value: 'no', label: 'No' },
        { value: 'yes', label: 'Yes', help: yes },
      ]}
      onChange={(chosen) => onChange(chosen === 'yes')}
    />
  );
}
