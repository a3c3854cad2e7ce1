import { CheckboxField } from '../../ui/fields/checkbox-field.tsx';
import { RadioCardsField } from '../../ui/fields/radio-cards-field.tsx';
import { EVENT_GROUPS, URGENT_EVENTS } from './events.ts';

interface EventsFieldProps {
  /** null for all events. */
  readonly value: readonly string[] | null;
  readonly onChange: (value: readonly string[] | null) => void;
}

/** Chooses the types of events that a webhook gets. */
export function EventsField({ value, onChange }: EventsFieldProps) {
  return (
    <>
      <RadioCardsField
        name="/events"
        label="Events"
        value={value === null ? 'all' : 'some'}
        onChange={(choice) => onChange(choice === 'all' ? null : URGENT_EVENTS)}
        options={[
          { value: 'all', label: 'All', help: 'Also types that later versions add.' },
          { value: 'some', label: 'Choose', help: 'Begins with those that call for somebody to act.' },
        ]}
      />
      {value !== null &&
        EVENT_GROUPS.map(({ label, events }) => (
          <fieldset key={label} className="event-group">
            <legend>{label}</legend>
            {Object.entries(events).map(([type, description]) => (
              <CheckboxField
                key={type}
                name={`/events/${type}`}
                label={type}
                help={description}
                value={value.includes(type)}
                onChange={(isChosen) => onChange(isChosen ? [...value, type] : value.filter((each) => each !== type))}
              />
            ))}
          </fieldset>
        ))}
    </>
  );
}
